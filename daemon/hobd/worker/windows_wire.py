"""The worker's end of its wire on Windows: a pipe that is read and written at once, and files as handles.

Must look to serve.py as wire.py's does. Used on Windows only. Wine has run it; no Windows has.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

from hobd.wire import messages as m
from hobd.worker.wire import Wire

_READ_BYTES = 1 << 16
_MORE, _BROKEN = 234, (109, 232, 233)  # ERROR_MORE_DATA; BROKEN_PIPE, NO_DATA, PIPE_NOT_CONNECTED


class PipeSocket:
    """What wire.py asks of a socket. Reading and writing wait for themselves alone, each with an event."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._api: Any = importlib.import_module("_winapi")

    def recv(self, num_bytes: int) -> bytes:
        """Empty when the other end is gone."""
        try:
            reading, _ = self._api.ReadFile(self._handle, num_bytes, overlapped=True)
            _, code = reading.GetOverlappedResult(True)
        except OSError as error:
            if getattr(error, "winerror", None) in _BROKEN:
                return b""
            raise
        return bytes(reading.getbuffer() or b"") if code in (0, _MORE) else b""

    def sendall(self, data: bytes) -> None:
        """BrokenPipeError when the other end is gone."""
        rest = memoryview(data)
        while rest:
            writing, _ = self._api.WriteFile(self._handle, rest, overlapped=True)
            count, _ = writing.GetOverlappedResult(True)
            rest = rest[count:]


class PipeWire(Wire):
    """Files come as handles that the broker made here, told in the Load."""

    def receive(self) -> Iterator[m.Message]:
        for message in super().receive():
            if isinstance(message, m.Load):
                self._descriptors = list(map(_as_descriptor, message.handles))
            yield message

    def _read(self) -> bytes:
        return self._sock.recv(_READ_BYTES)


def _as_descriptor(handle: int) -> int:
    msvcrt: Any = importlib.import_module("msvcrt")
    descriptor: int = msvcrt.open_osfhandle(handle, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    return descriptor
