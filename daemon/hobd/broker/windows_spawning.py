"""Starts workers on Windows: a process in a job that ends with the daemon, and a pipe as its wire.

Must hand a worker nothing but its end of the pipe, and files one by one, as handles made in it. Used by
supervisor.py on Windows. Wine has run it; no Windows has.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from hobd.sandbox import windows
from hobd.wire import messages as m
from hobd.wire import windows_pipe

_NO_WINDOW = 0x08000000
_SAME_ACCESS = 0x00000002
#: Without it Windows finds neither its libraries nor random numbers.
_NEEDED = ("SYSTEMROOT",)


class PipeEnd:
    """Our end of a worker's wire, in the place of a socket: `close` it, or connect it to a protocol."""

    def __init__(self, handle: int, process: Any, job: int) -> None:
        """`job`: closed with the daemon's end; the worker ends by that."""
        self._pipe: Any = importlib.import_module("asyncio.windows_utils").PipeHandle(handle)
        self._process = process
        self.job = job

    def connect(self, protocol: asyncio.BaseProtocol) -> None:
        loop: Any = asyncio.get_running_loop()
        loop._make_duplex_pipe_transport(self._pipe, protocol)

    def with_handles(self, load: m.Message, descriptors: Sequence[int]) -> m.Message:
        """The message, telling the numbers that these files have in the worker from now on."""
        given = tuple(self._give(fd) for fd in descriptors)
        return msgspec.structs.replace(load, handles=given)

    def close(self) -> None:
        self._pipe.close()

    def _give(self, descriptor: int) -> int:
        winapi: Any = importlib.import_module("_winapi")
        msvcrt: Any = importlib.import_module("msvcrt")
        ours, theirs = winapi.GetCurrentProcess(), int(self._process._handle)
        handle = msvcrt.get_osfhandle(descriptor)
        given: int = winapi.DuplicateHandle(ours, handle, theirs, 0, False, _SAME_ACCESS)
        return given


def start(
    module: Sequence[str], sandbox: str, environment: dict[str, str]
) -> tuple[subprocess.Popen[bytes], PipeEnd]:
    """A worker that knows nothing yet, and our end of its wire."""
    ours, theirs = windows_pipe.make_pair()
    try:
        information: Any = subprocess.STARTUPINFO(  # type: ignore[attr-defined,unused-ignore]
            lpAttributeList={"handle_list": [theirs]}
        )
        command = [sys.executable, "-I", *module, "--wire-handle", str(theirs)]
        process = subprocess.Popen(
            [*command, "--parent", str(os.getpid()), "--sandbox", sandbox],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            startupinfo=information,
            creationflags=_NO_WINDOW,
            close_fds=True,
            env=environment | {name: os.environ[name] for name in _NEEDED if name in os.environ},
        )
    finally:
        windows_pipe.close(theirs)
    job = windows.hold(int(process._handle))  # type: ignore[attr-defined,unused-ignore]
    return process, PipeEnd(ours, process, job)
