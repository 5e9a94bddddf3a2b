r"""The door of Windows: a named pipe that only its owner and the system may open, and no network.

Must never listen at a name that somebody else took first. Opened by doorkeeper.py, served by api/host.py:
the owner's, as named ones are Unix' so far. What rights it has is wire/windows_pipe.py's business.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hob.address import PIPE_PREFIX
from hob.windows_user import library

from hobd.door.unix_socket import PRIVATE, Access
from hobd.errors import DoorError
from hobd.wire.windows_pipe import close, make_instance

_MOST_NAME_LETTERS = 256
_TAKEN = (5, 231)  # ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY


class Door:
    """An open door, like the one of a Unix socket; `close` takes it away."""

    __slots__ = ("_first", "_server", "mode", "path", "socket")

    def __init__(self, path: Path, first: int) -> None:
        """`first`: the instance that holds the name; whoever serves hands it to the first who comes."""
        self.path = path
        self.mode = PRIVATE.mode
        self.socket: socket.socket | None = None
        self._first: int | None = first
        self._server: Any = None

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.AbstractServer:
        """Until what it returns is closed, each who comes gets a protocol."""
        from hobd.door.windows_serving import start_serving

        first, self._first = self._first, None
        assert first is not None, "a door is served once"
        self._server = start_serving(str(self.path), first, factory)
        server: asyncio.AbstractServer = self._server
        return server

    def close(self) -> None:
        """Twice is once."""
        if self._server is not None:
            self._server.close()
        if self._first is not None:
            close(self._first)
            self._first = None


def open_door(path: Path, access: Access = PRIVATE, *, ready: socket.socket | None = None) -> Door:
    """Takes the name; DoorError if it is none, or if something serves there."""
    if access != PRIVATE:
        raise DoorError("doors for others are not on Windows yet; take the door out of the configuration")
    name = str(path)
    check_name(name)
    taken = DoorError(f"another hobd is already serving {name}; use it, or end it first")
    # Windows refuses a second first instance; who has no such rule (Wine) is asked before.
    if library("kernel32").WaitNamedPipeW(ctypes.c_wchar_p(name), 1):
        raise taken
    try:
        return Door(path, make_instance(name, is_first=True))
    except OSError as error:
        if getattr(error, "winerror", None) in _TAKEN:
            raise taken from None
        raise DoorError(
            f"could not make the pipe {name} ({error.strerror}); set HOB_SOCKET to another name"
        ) from None


def check_name(name: str) -> None:
    """Of this machine's pipes: one of another machine would be reached over a network."""
    rest = name.removeprefix(PIPE_PREFIX)
    if rest == name or not rest or "\\" in rest or not rest.isprintable() or len(name) > _MOST_NAME_LETTERS:
        raise DoorError(f"{name[:300]!r} is no name of a local pipe; use {PIPE_PREFIX}hob-NAME")
