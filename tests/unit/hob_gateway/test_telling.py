"""Streams: who waits is told, who does not read is given up, and whatever ends early ends at the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from hob_client.errors import Busy, HobError
from hob_client.events import Delta, Event
from hob_gateway import telling
from hob_gateway.telling import Begun, Manner, Stream, begun

MANNER = Manner(media_type="text/x", broken=lambda error: b"!" + error.message.encode(), waiting=b".")
Send = Callable[[Any], Awaitable[None]]


class Source:
    """A daemon's call: says its words when it is let, and knows whether it was ended."""

    def __init__(self, *words: str | HobError) -> None:
        self.words = words
        self.go_on = asyncio.Event()
        self.was_closed = False

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            await self.go_on.wait()
            for word in self.words:
                if isinstance(word, HobError):
                    raise word
                yield Delta(answer=0, text=word, is_reasoning=False, num_tokens=1, logprobs=())
        finally:
            self.was_closed = True


async def pieces(events: Begun) -> AsyncGenerator[bytes, None]:
    async for event in events:
        assert isinstance(event, Delta)
        yield event.text.encode()


async def hear(source: Source, send: Send, *, patience: float = 0.001) -> None:
    """One response, whose client stays."""

    async def stay() -> Any:
        await asyncio.Event().wait()

    started = await begun(source.events(), patience)
    await Stream(pieces(started), started, MANNER, patience)({}, stay, send)


def test_who_waits_is_told_until_there_is_something() -> None:
    async def run() -> list[bytes]:
        source, heard = Source("a", "b"), list[bytes]()

        async def send(message: Any) -> None:
            heard.append(message.get("body", b""))
            if heard.count(b".") == 3:
                source.go_on.set()

        await hear(source, send)
        assert source.was_closed
        return heard

    assert b"".join(asyncio.run(run())).replace(b".", b"") == b"ab"


def test_who_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SEND_SECONDS", 0.01)

    async def run() -> bool:
        source = Source("a")
        source.go_on.set()

        async def send(message: Any) -> None:
            if message.get("body") == b"a":
                await asyncio.Event().wait()  # its buffers are full, for ever

        with pytest.raises(TimeoutError):
            await hear(source, send)
        return source.was_closed

    assert asyncio.run(run())


def test_who_does_not_read_while_he_waits_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "SEND_SECONDS", 0.01)

    async def run() -> bool:
        source = Source("a")

        async def send(message: Any) -> None:
            if message.get("body") == b".":
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await hear(source, send)
        return source.was_closed

    assert asyncio.run(run())


def test_what_fails_before_it_begins_is_raised() -> None:
    async def run() -> Source:
        source = Source(Busy("too much"))
        source.go_on.set()
        with pytest.raises(Busy):
            await begun(source.events(), 60)
        return source

    assert asyncio.run(run()).was_closed


def test_what_fails_later_is_told_inside() -> None:
    async def run() -> list[bytes]:
        source, heard = Source("a", Busy("too much")), list[bytes]()
        source.go_on.set()

        async def send(message: Any) -> None:
            heard.append(message.get("body", b""))

        await hear(source, send, patience=60)
        return heard

    assert asyncio.run(run()) == [b"", b"a", b"!too much", b""]


def test_call_ends_when_nobody_ever_reads_it() -> None:
    async def run() -> Source:
        source = Source("a")
        started = await begun(source.events(), 0.001)
        await asyncio.sleep(0)
        await started.aclose()
        return source

    assert asyncio.run(run()).was_closed


def test_call_ends_with_who_waits_for_its_beginning() -> None:
    async def run() -> Source:
        source = Source("a")
        waiting = asyncio.ensure_future(begun(source.events(), 60))
        while not waiting.done():
            await asyncio.sleep(0)
            waiting.cancel()
        return source

    assert asyncio.run(run()).was_closed
