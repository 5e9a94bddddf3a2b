"""Memory that the broker shares with one worker, to hand over what the worker computed.

Must be read by copying alone: the worker may write into it at any time, and say anything about it. It is no
file: it has no name, and cannot be made smaller, so that no access can fail half-way. Made by vault.py.
"""

from __future__ import annotations

import ctypes
import os
import sys

if sys.platform == "linux":  # elsewhere vault.py makes none
    import fcntl

    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

_PUNCH_HOLE = 0x03  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE


class Tray:
    """So many bytes, which take memory only where somebody wrote. `fd` goes to the worker, too."""

    def __init__(self, num_bytes: int) -> None:
        self.num_bytes = num_bytes
        self.fd = os.memfd_create("hob-tray", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, num_bytes)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, _SEALS)

    def read(self, offset: int, into: memoryview) -> None:
        """Copies what is there now. Raises OSError."""
        while into:
            count = os.preadv(self.fd, [into], offset)
            if count == 0:
                raise OSError("the tray ended too soon")
            offset, into = offset + count, into[count:]

    def write(self, offset: int, data: memoryview) -> None:
        """Raises OSError, also when there is no memory for it."""
        while data:
            count = os.pwritev(self.fd, [data], offset)
            offset, data = offset + count, data[count:]

    def free(self, offset: int, num_bytes: int) -> None:
        """Gives memory back; what is read there later is zeros."""
        libc = ctypes.CDLL(None)
        libc.fallocate(self.fd, _PUNCH_HOLE, ctypes.c_long(offset), ctypes.c_long(num_bytes))

    def close(self) -> None:
        """Safe to call twice."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
