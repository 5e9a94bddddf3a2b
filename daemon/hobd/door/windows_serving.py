"""Takes whoever comes to a named pipe, one instance for each, on asyncio's loop of Windows.

Must use asyncio's private names here alone: its own way to serve pipes gives them rights for everybody. Made
by windows_pipe.py; imported on Windows only.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

from hobd import log
from hobd.wire.windows_pipe import make_instance

windows_utils: Any = importlib.import_module("asyncio.windows_utils")


class PipeServer:
    """Accepts until `close`. What asyncio's servers promise, as far as grpclib asks."""

    def __init__(self, name: str, factory: Callable[[], asyncio.BaseProtocol]) -> None:
        self._name = name
        self._factory = factory
        self._loop: Any = asyncio.get_running_loop()
        self._waiting: Any = None
        self._accepting: asyncio.Task[None] | None = None

    def start(self, first: int) -> None:
        self._waiting = windows_utils.PipeHandle(first)
        self._accepting = self._loop.create_task(self._accept(), name="pipe door")

    def close(self) -> None:
        """Who is in stays in; the name is free when they have gone."""
        if self._accepting is not None:
            self._accepting.cancel()
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    async def wait_closed(self) -> None:
        if self._accepting is not None:
            await asyncio.wait({self._accepting})

    async def _accept(self) -> None:
        while self._waiting is not None:
            pipe = self._waiting
            try:
                await self._loop._proactor.accept_pipe(pipe)
            except OSError:  # whoever came has gone: the instance is of no use any more
                self._waiting = self._next()
                pipe.close()
                continue
            # The next instance before this one is handed on: the name is never free while we serve.
            self._waiting = self._next()
            extra = {"addr": self._name, "pipe": pipe}
            self._loop._make_duplex_pipe_transport(pipe, self._factory(), extra=extra)

    def _next(self) -> Any:
        try:
            return windows_utils.PipeHandle(make_instance(self._name, is_first=False))
        except OSError as error:
            log.event("door_failed", level="error", door="owner", why=error.strerror or "no pipe")
            return None


def start_serving(name: str, first: int, factory: Callable[[], asyncio.BaseProtocol]) -> PipeServer:
    server = PipeServer(name, factory)
    server.start(first)
    return server
