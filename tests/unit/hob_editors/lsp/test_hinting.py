"""When the daemon is asked, when a request under way is ended, and when neither."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from hob_editors.lsp.daemon import GapRequest
from hob_editors.lsp.documents import Document, Place
from hob_editors.lsp.hinting import Hinter
from hob_editors.lsp.settings import Settings


class FakeFiller:
    """Says one piece when it is asked, and the rest when it may."""

    is_resting = False

    def __init__(self) -> None:
        self.asked: list[GapRequest] = []
        self.num_ended = 0
        self.has_said = asyncio.Event()
        self.may_end = asyncio.Event()

    async def fill(self, gap: GapRequest) -> AsyncGenerator[tuple[int, str], None]:
        self.asked.append(gap)
        try:
            yield 0, "one "
            self.has_said.set()
            await self.may_end.wait()
            yield 0, "two"
        finally:
            self.num_ended += 1


class Desk:
    """A text that is typed into."""

    def __init__(self) -> None:
        self.filler = FakeFiller()
        self.hinter = Hinter(self.filler, lambda path: path.endswith(".env"))
        self.hinter.settings = Settings(debounce_ms=0)
        self.document = self.new("/a.py")
        self.place = Place(line=0, index=4)

    def new(self, path: str) -> Document:
        return Document(uri=f"file://{path}", path=path, language="python", version=1, text="x = ")

    def type(self, text: str) -> None:
        self.place = self.document.replace(self.place, self.place, text)
        self.document.version += 1
        self.hinter.changed(self.document, self.place)

    def ask(self) -> asyncio.Task[tuple[object, ...]]:
        return asyncio.create_task(self.hinter.hints_at(self.document, self.place))


def test_typing_what_comes_joins_the_request_under_way() -> None:
    async def act() -> None:
        desk = Desk()
        desk.ask()
        await desk.filler.has_said.wait()
        desk.type("on")
        second = desk.ask()
        await asyncio.sleep(0)
        desk.filler.may_end.set()
        (hint,) = await second
        assert hint.text == "e two" and len(desk.filler.asked) == 1

    asyncio.run(act())


def test_typing_something_else_ends_the_request() -> None:
    async def act() -> None:
        desk = Desk()
        first = desk.ask()
        await desk.filler.has_said.wait()
        desk.type("!")
        assert await first == () and desk.filler.num_ended == 1

    asyncio.run(act())


def test_cancelled_request_ends_at_the_daemon() -> None:
    async def act() -> None:
        desk = Desk()
        first = desk.ask()
        await desk.filler.has_said.wait()
        first.cancel()
        await asyncio.wait([first])
        await asyncio.sleep(0)
        assert desk.filler.num_ended == 1

    asyncio.run(act())


def test_answer_that_nobody_waits_for_is_kept_while_it_is_typed() -> None:
    async def act() -> None:
        desk = Desk()
        first = desk.ask()
        await desk.filler.has_said.wait()
        desk.type("o")
        first.cancel()
        await asyncio.wait([first])
        desk.filler.may_end.set()
        (hint,) = await desk.ask()
        assert hint.text == "ne two" and len(desk.filler.asked) == 1

    asyncio.run(act())


def test_only_the_last_of_many_keystrokes_is_asked_about() -> None:
    async def act() -> None:
        desk = Desk()
        desk.filler.may_end.set()
        tasks = []
        for letter in "abc":
            desk.type(letter)
            tasks.append(desk.ask())
        assert [bool(hints) for hints in await asyncio.gather(*tasks)] == [False, False, True]
        assert [gap.before for gap in desk.filler.asked] == ["x = abc"]

    asyncio.run(act())


def test_excluded_file_is_neither_asked_about_nor_context() -> None:
    async def act() -> None:
        desk = Desk()
        desk.filler.may_end.set()
        desk.document, other = desk.new("/.env"), desk.document
        assert await desk.ask() == () and desk.filler.asked == []
        desk.hinter.remember(desk.document, 0)
        desk.document = other
        await desk.ask()
        assert desk.filler.asked[0].files == {}

    asyncio.run(act())


def test_file_that_was_left_becomes_context() -> None:
    async def act() -> None:
        desk = Desk()
        desk.filler.may_end.set()
        await desk.ask()
        desk.document = desk.new("/b.py")
        await desk.ask()
        assert desk.filler.asked[1].files == {"/a.py": "x = "} and "x =" not in repr(desk.filler.asked)

    asyncio.run(act())
