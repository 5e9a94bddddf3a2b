"""Answers, whole or piece by piece, that end when whoever asked goes away.

Must cancel at the daemon what nobody reads any more, and hold no more than one piece.
Called by every dialect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from hob_client.errors import HobError
from hob_client.events import Event
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from hob_gateway.faults import Shape, headers_of, status_of

SEND_SECONDS = 60.0  # for one piece: a client that reads nothing must not hold a lane for ever
Pieces = AsyncGenerator[bytes, None]


def json_bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


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


class Stream(Response):
    """Pieces as they come. An error is told by `broken`, for the status has been said; see `begun`."""

    def __init__(self, pieces: Pieces, media_type: str, broken: Callable[[HobError], bytes]) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_gone(receive, self._tell(send))

    async def _tell(self, send: Send) -> None:
        async with aclosing(self._pieces):
            await _send(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for piece in self._pieces:
                    await _send_piece(send, piece)
            except HobError as error:
                await _send_piece(send, self._broken(error))
        await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})


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


async def begun(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events, once there is one that is no waiting: what fails before can still be a status."""
    try:
        first = await anext(events)
        while first.kind in ("progress", "started"):
            first = await anext(events)
    except StopAsyncIteration:
        raise HobError("the daemon ended the answer before it began; please report this") from None
    except BaseException:
        await events.aclose()
        raise
    return _rest(first, events)


async def _rest(first: Event, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    async with aclosing(events):
        yield first
        async for event in events:
            yield event


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_piece(send: Send, piece: bytes) -> None:
    if piece:
        await _send(send, {"type": "http.response.body", "body": piece, "more_body": True})


async def _send(send: Callable[[Message], Awaitable[None]], message: Message) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send(message)
