"""How a process of the worker's lets the broker hear what it is refused: it encloses itself, and rings.

Must be rung before the process sees a byte that may be hostile, and leave it nothing to answer itself with.
Used by serve.py for the worker, and by renderer.py for each zygote, over a socket that the worker was born
with.
"""

from __future__ import annotations

import os
import socket
from typing import Literal

from hobd.sandbox.enter import Confinement, enclose

#: Who encloses itself, as the broker is told. A zygote ends its children, so it may send SIGKILL.
Role = Literal[b"worker", b"zygote"]


class Bell:
    """`ring` it once. Every process has a copy of its own, which forking makes."""

    def __init__(self, sock: socket.socket | None, confinement: Confinement) -> None:
        """`sock` None: on this system nobody hears what a process is refused."""
        self._sock = sock
        self._confinement = confinement

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What ringing takes, for who closes all others."""
        return () if self._sock is None else (self._sock.fileno(),)

    def ring(self, role: Role, *, closes_files: bool = True) -> Confinement:
        """What holds the process from now on. Raises SandboxError."""
        confinement, listener = enclose(self._confinement, closes_files=closes_files)
        if listener is None:
            return confinement
        try:
            assert self._sock is not None, "who is heard was born with a bell"
            socket.send_fds(self._sock, [role], [listener])
        finally:
            os.close(listener)
            if self._sock is not None:
                self._sock.close()
        return confinement
