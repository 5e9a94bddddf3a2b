"""Answers, whole or piece by piece, that end when whoever asked goes away.

Must cancel at the daemon what nobody reads any more, and hold no more than one piece.
Called by every dialect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
from hob_client.errors import HobError
from hob_client.events import Event
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from hob_gateway.faults import Shape, headers_of, status_of

SEND_SECONDS = 60.0  # for one piece: a client that reads nothing must not hold a lane for ever
Pieces = AsyncGenerator[bytes, None]


def json_bytes(value: Any) -> bytes:
    return msgspec.json.encode(value)


def sse(value: Any, event: str = "") -> bytes:
    """A server-sent event."""
    head = f"event: {event}\n".encode() if event else b""
    return head + b"data: " + json_bytes(value) + b"\n\n"


def line(value: Any) -> bytes:
    return json_bytes(value) + b"\n"


class Whole(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json_bytes(content)


def fault(error: HobError, shape: Shape) -> Whole:
    return Whole(shape(error), status_of(error), headers_of(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a dialect streams: what it calls that, an error midway, and what says "still waiting"."""

    media_type: str
    broken: Callable[[HobError], bytes]
    waiting: bytes


#: A comment in server-sent events: every reader of those passes it over.
WAITING = b": waiting\n\n"


class Stream(Response):
    """Pieces as they come. An error is told by the manner's `broken`, for the status has been said."""

    def __init__(self, pieces: Pieces, source: Begun, manner: Manner, keep_alive_seconds: float) -> None:
        super().__init__(media_type=manner.media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._source = source
        self._manner = manner
        self._keep_alive_seconds = keep_alive_seconds
        self._is_silent = True
        self._is_sending = False
        self._is_given_up = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await unless_gone(receive, self._tell(send))
        except asyncio.CancelledError:
            if self._is_given_up:
                raise TimeoutError from None
            raise

    async def _tell(self, send: Send) -> None:
        keeping = None
        try:
            await _send(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            keeping = asyncio.ensure_future(self._keep(send, asyncio.current_task()))
            try:
                async for piece in self._pieces:
                    await self._send_piece(send, piece)
            except HobError as error:
                await self._send_piece(send, self._manner.broken(error))
            keeping.cancel()
            await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if keeping is not None:
                keeping.cancel()
            await self._pieces.aclose()
            await self._source.aclose()

    async def _send_piece(self, send: Send, piece: bytes) -> None:
        """Without a timer of its own, which would cost as much as the piece: `_keep` watches."""
        if piece:
            self._is_silent, self._is_sending = False, True
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._is_sending = False

    async def _keep(self, send: Send, telling: asyncio.Task[Any] | None) -> None:
        """While nothing comes (a model loads, a long prompt is computed) impatient clients hear that.

        Who does not take a piece for SEND_SECONDS, or for one keep-alive where that is longer, is given up.
        """
        stuck_seconds = 0.0
        waiting = {"type": "http.response.body", "body": self._manner.waiting, "more_body": True}
        while stuck_seconds < SEND_SECONDS:
            self._is_silent = True
            await asyncio.sleep(self._keep_alive_seconds)
            is_stuck = self._is_silent and self._is_sending
            stuck_seconds = stuck_seconds + self._keep_alive_seconds if is_stuck else 0.0
            if self._is_silent and not self._is_sending:
                try:
                    await _send(send, waiting)
                except TimeoutError:
                    break
        self._is_given_up = True
        if telling is not None:
            telling.cancel()


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Any]) -> Any:
    """What the work comes to; None, and the work cancelled, if the client goes first."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def whole(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """For an answer that is not streamed: cancelled, too, when nobody waits for it."""
    return await unless_gone(request.receive, work)


class Begun(AsyncGenerator[Event, None]):
    """Events whose first is there, or on its way; closing it ends the call, also before the first."""

    def __init__(self, first: asyncio.Future[Event], events: AsyncGenerator[Event, None]) -> None:
        self._first: asyncio.Future[Event] | None = first
        self._events = events

    async def __anext__(self) -> Event:
        if self._first is None:
            return await anext(self._events)
        event = await self._first
        self._first = None
        return event

    async def asend(self, value: None) -> Event:
        return await anext(self)

    async def athrow(self, *error: Any) -> Event:
        return await self._events.athrow(*error)

    async def aclose(self) -> None:
        if self._first is not None:
            self._first.cancel()
            await asyncio.gather(self._first, return_exceptions=True)
        await self._events.aclose()


async def begun(events: AsyncGenerator[Event, None], patience_seconds: float) -> Begun:
    """The same events, once there is one that is no waiting: what fails before can still be a status.

    When that takes longer than the client can be expected to wait, the status is said without it.
    """
    first = asyncio.ensure_future(_first(events))
    started = Begun(first, events)
    try:
        await asyncio.wait((first,), timeout=patience_seconds)
        if first.done():
            first.result()
    except BaseException:
        await started.aclose()
        raise
    return started


async def _first(events: AsyncGenerator[Event, None]) -> Event:
    try:
        first = await anext(events)
        while first.kind in ("progress", "started"):
            first = await anext(events)
    except StopAsyncIteration:
        raise HobError("the daemon ended the answer before it began; please report this") from None
    return first


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Callable[[Message], Awaitable[None]], message: Message) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send(message)
