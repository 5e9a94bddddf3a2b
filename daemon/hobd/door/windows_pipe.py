r"""The door of Windows: a named pipe that only its owner and the system may open, and no network.

Must never exist with looser rights, not for an instant, and never listen at a name that somebody else
took first. Opened by doorkeeper.py and served through api/host.py: the owner's, as named ones are Unix' so far.

Wine runs this file in tests. It keeps the rights and enforces none: no Windows has shown yet that it does.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hob.address import PIPE_PREFIX
from hob.windows_user import last_error, library, own_sid

from hobd.door.unix_socket import PRIVATE, Access
from hobd.errors import DoorError

_MOST_NAME_LETTERS = 256
_DUPLEX, _OVERLAPPED, _FIRST_INSTANCE = 0x00000003, 0x40000000, 0x00080000
_REJECT_REMOTE = 0x00000008  # and bytes, and waiting: zeros
_MOST_INSTANCES, _BUFFER_BYTES = 255, 1 << 16
_SDDL_REVISION = 1
_TAKEN = (5, 231)  # ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES: who may open what is made, and that no child inherits it."""

    _fields_ = [("nLength", ctypes.c_uint32), ("lpDescriptor", ctypes.c_void_p), ("bInherit", ctypes.c_int)]


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
            library("kernel32").CloseHandle(ctypes.c_void_p(self._first))
            self._first = None


def open_door(path: Path, access: Access = PRIVATE, *, ready: socket.socket | None = None) -> Door:
    """Takes the name; DoorError if it is none, or if something serves there."""
    if access != PRIVATE:
        raise DoorError("doors for others are not on Windows yet; take the door out of the configuration")
    name = str(path)
    check_name(name)
    try:
        return Door(path, make_instance(name, is_first=True))
    except OSError as error:
        if getattr(error, "winerror", None) in _TAKEN:
            raise DoorError(f"another hobd is already serving {name}; use it, or end it first") from None
        raise DoorError(
            f"could not make the pipe {name} ({error.strerror}); set HOB_SOCKET to another name"
        ) from None


def check_name(name: str) -> None:
    """Of this machine's pipes: one of another machine would be reached over a network."""
    rest = name.removeprefix(PIPE_PREFIX)
    if rest == name or not rest or "\\" in rest or not rest.isprintable() or len(name) > _MOST_NAME_LETTERS:
        raise DoorError(f"{name[:300]!r} is no name of a local pipe; use {PIPE_PREFIX}hob-NAME")


def owner_only(sid: str) -> str:
    """The rights as text: full for the owner and the system, none for others, and nothing inherited."""
    return f"D:P(A;;GA;;;SY)(A;;GA;;;{sid})"


def make_instance(name: str, *, is_first: bool) -> int:
    """A handle that waits for one who comes. OSError, for the first one also if the name is taken."""
    kernel = library("kernel32")
    kernel.CreateNamedPipeW.restype = ctypes.c_void_p
    descriptor = _descriptor(owner_only(own_sid()))
    attributes = SecurityAttributes(ctypes.sizeof(SecurityAttributes), descriptor, False)
    flags = _DUPLEX | _OVERLAPPED | (_FIRST_INSTANCE if is_first else 0)
    sizes = (_MOST_INSTANCES, _BUFFER_BYTES, _BUFFER_BYTES, 0)
    handle = kernel.CreateNamedPipeW(name, flags, _REJECT_REMOTE, *sizes, ctypes.byref(attributes))
    failed = last_error() if handle in (None, ctypes.c_void_p(-1).value) else None
    kernel.LocalFree(ctypes.c_void_p(descriptor))
    if failed is not None:
        raise failed
    return int(handle)


def _descriptor(sddl: str) -> int:
    found = ctypes.c_void_p()
    convert = library("advapi32").ConvertStringSecurityDescriptorToSecurityDescriptorW
    if not convert(ctypes.c_wchar_p(sddl), _SDDL_REVISION, ctypes.byref(found), None):
        raise last_error()
    return found.value or 0
