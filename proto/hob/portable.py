"""What POSIX has and Windows has not, under names that both understand; on POSIX each is the system's own.

Must stay small and free of imports beyond the standard library: whoever starts fast imports it. Used by
daemon and clients where they touch files and users.
"""

from __future__ import annotations

import os
import sys
import threading

#: To open what somebody else may have put there: no link is followed, no child inherits it, nothing blocks.
SAFELY = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOINHERIT", "O_BINARY"))
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)

_placing = threading.Lock()


def own_uid() -> int:
    """Who runs this process. Windows counts nobody, and says 0 of each file's owner too."""
    return os.getuid() if sys.platform != "win32" else 0


def own_euid() -> int:
    """As whom it acts."""
    return os.geteuid() if sys.platform != "win32" else 0


def pread(fd: int, num_bytes: int, place: int) -> bytes:
    """Bytes from a place of a file, whatever its own place is."""
    if sys.platform != "win32":
        return os.pread(fd, num_bytes, place)
    with _placing:  # Windows has one place for all who read a file, a worker that got it among them
        before = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, place, os.SEEK_SET)
        try:
            return os.read(fd, num_bytes)
        finally:
            os.lseek(fd, before, os.SEEK_SET)


def pread_into(fd: int, buffer: bytearray | memoryview, place: int) -> int:
    """How many bytes came from there; 0 at the end."""
    if sys.platform != "win32":
        return os.preadv(fd, [buffer], place)
    data = pread(fd, len(buffer), place)
    buffer[: len(data)] = data
    return len(data)
