"""How a client of Windows finds and opens the daemon's named pipe.

Must give words to nobody but this user's own processes: a pipe's name can be taken by whoever comes first.
Used by channel.py, launch.py and socket_path.py on Windows.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

from hob.address import PIPE_PREFIX
from hob.windows_user import library, own_sid, sid_of

from hob_client.errors import InvalidRequest

_MOST_LETTERS = 256
_NOT_THERE, _BUSY_WAIT_MS = 2, 1  # ERROR_FILE_NOT_FOUND


def check_name(path: str) -> str:
    """Of this machine's pipes alone: one of another machine would be reached over a network."""
    rest = path.removeprefix(PIPE_PREFIX)
    if rest == path or not rest or "\\" in rest or not rest.isprintable() or len(path) > _MOST_LETTERS:
        raise InvalidRequest(f"{path[:300]!r} is no name of a local pipe; name one as {PIPE_PREFIX}hob-NAME")
    return path


def is_listening(path: str) -> bool:
    """Whether somebody serves it, busy or not."""
    kernel = library("kernel32")
    if kernel.WaitNamedPipeW(ctypes.c_wchar_p(path), _BUSY_WAIT_MS):
        return True
    return int(ctypes.get_last_error()) != _NOT_THERE  # type: ignore[attr-defined,unused-ignore]


def connecting(path: str) -> Callable[[Callable[[], Any]], Any]:
    """What stream_channel.py wants to know."""

    async def connect(factory: Callable[[], Any]) -> Any:
        loop: Any = asyncio.get_running_loop()
        transport, protocol = await loop.create_pipe_connection(factory, path)
        await asyncio.sleep(0)  # asyncio tells the protocol of its transport in the loop's next round
        if not _is_ours(transport.get_extra_info("pipe").handle):
            transport.close()
            raise PermissionError(f"another user's program serves {path}; end it")
        return protocol

    return connect


def _is_ours(handle: int) -> bool:
    pid = ctypes.c_uint32()
    if not library("kernel32").GetNamedPipeServerProcessId(ctypes.c_void_p(handle), ctypes.byref(pid)):
        return False
    try:
        return sid_of(pid.value) == own_sid()
    except OSError:
        return False
