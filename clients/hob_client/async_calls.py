"""One connection for the tasks of a loop, and how calls go over it: again where nobody was there to answer.

Must never block the loop, and tells every failure as one of hob_client.errors.
The base of async_client.py's client; calls.py is its twin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from hob_client.calls import PAUSES_SECONDS
from hob_client.channel import Link, open_async_link
from hob_client.errors import DaemonUnreachable, from_rpc
from hob_client.events import Event
from hob_client.reading import read, read_event
from hob_client.remote.reach import Reach, reach

Rpc = Callable[[Link], Any]


class AsyncCalls:
    """What a client does to be answered; see Client and AsyncClient for the arguments."""

    def __init__(
        self,
        socket: Path | str | Reach | None = None,
        *,
        start: bool = True,
        wait_seconds: float = 0.0,
        timeout: float | None = None,
    ) -> None:
        self._reach = reach(socket)
        self._is_shared = self._reach is socket  # whoever made it closes it
        self._start = start
        self._wait_seconds = wait_seconds
        self._timeout = timeout
        self._link = open_async_link(self._reach.path)
        self._reviving = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call under way, then the connection."""
        await self._link.channel.close()
        if not self._is_shared:
            await asyncio.to_thread(self._reach.close)

    async def _events(self, rpc: Rpc, request: Any) -> AsyncGenerator[Event, None]:
        async with aclosing(self._stream(rpc, request)) as messages:
            async for message in messages:
                event = read_event(message.event)
                if event is not None:
                    yield event

    async def _kinds(self, rpc: Rpc, request: Any) -> AsyncGenerator[Any, None]:
        async with aclosing(self._stream(rpc, request)) as messages:
            async for message in messages:
                kind = message.WhichOneof("kind")
                if kind is not None:
                    yield read(getattr(message, kind))

    async def _stream(self, rpc: Rpc, request: Any) -> AsyncGenerator[Any, None]:
        """The messages of a call. If nobody was there to take it, revives the daemon and calls again."""
        has_answered = False
        for pause in PAUSES_SECONDS:
            link = self._link
            try:
                async with aclosing(self._dial(link, rpc, request)) as messages:
                    async for message in messages:
                        has_answered = True
                        yield message
                return
            except DaemonUnreachable:
                if has_answered:
                    raise
            await asyncio.sleep(pause)
            await self._revive(link)
        async with aclosing(self._dial(self._link, rpc, request)) as messages:
            async for message in messages:
                yield message

    async def _dial(self, link: Link, rpc: Rpc, request: Any) -> AsyncGenerator[Any, None]:
        has_answered = False
        call = rpc(link)(request, timeout=self._timeout)
        try:
            async for message in call:
                has_answered = True
                yield message
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._reach.name, has_answered=has_answered) from None
        finally:
            call.cancel()

    async def _call(self, rpc: Rpc, request: Any) -> Any:
        for pause in PAUSES_SECONDS:
            link = self._link
            with suppress(DaemonUnreachable):
                return await self._dial_once(link, rpc, request)
            await asyncio.sleep(pause)
            await self._revive(link)
        return await self._dial_once(self._link, rpc, request)

    async def _dial_once(self, link: Link, rpc: Rpc, request: Any) -> Any:
        try:
            return await rpc(link)(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._reach.name) from None

    async def _revive(self, dead: Link) -> None:
        """See to it that somebody listens, and connect anew, unless another task just did."""
        async with self._reviving:
            if self._link is dead:
                await asyncio.to_thread(
                    self._reach.ensure, start=self._start, wait_seconds=self._wait_seconds
                )
                self._link = open_async_link(self._reach.path)
                await dead.channel.close()
