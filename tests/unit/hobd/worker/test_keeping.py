"""What the loop lays into the tray, takes out of it, and forgets."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hobd.wire import messages as m
from hobd.worker.engine import Settings
from hobd.worker.loop import Loop
from hobd.worker.tray import Place, Tray
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine
from tests.unit.hobd.worker.test_loop import SETTINGS, Told, ask, given_answer

STASHING = replace(SETTINGS, stash_bytes=1 << 20)
PROMPT = "the rain on the hills"


class Heard(Told):
    """Collects what is said of prefixes, too."""

    def __init__(self) -> None:
        super().__init__(0)
        self.kept: list[m.Kept] = []
        self.forgotten: list[m.Forgotten] = []

    def __call__(self, message: m.Message) -> None:
        match message:
            case m.Kept():
                self.kept.append(message)
            case m.Forgotten():
                self.forgotten.append(message)
            case _:
                super().__call__(message)


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("tray")
    os.ftruncate(fd, 1 << 20)
    yield fd
    os.close(fd)


def new_loop(memory: int, settings: Settings = STASHING, begin: int = 0) -> tuple[Loop, Heard]:
    heard = Heard()
    return Loop(FakeEngine(settings), heard, tray=Tray(os.dup(memory), begin)), heard


def leave(loop: Loop) -> None:
    loop.stop(keep_ms=60_000)
    loop.run()


def test_next_loop_goes_on_from_what_the_last_one_laid_down(memory: int) -> None:
    loop, heard = new_loop(memory)
    before = ask(loop, heard, given_answer(1, PROMPT, domain="a"))
    leave(loop)
    (kept,) = heard.kept
    assert kept.num_tokens == len(PROMPT) + before.num_completion_tokens - (before.reason == "max_tokens")
    loop, again = new_loop(memory, begin=kept.offset + kept.num_bytes)
    loop.tell(m.Restore(kept.offset, kept.num_bytes, "a"))
    assert ask(loop, again, given_answer(1, PROMPT, domain="a")).num_cached_tokens == len(PROMPT) - 1
    assert again.texts == heard.texts


def test_prefixes_used_last_are_laid_down_first_and_as_many_as_fit(memory: int) -> None:
    os.ftruncate(memory, 2 * mmap.PAGESIZE)
    loop, heard = new_loop(memory)
    for number, domain in enumerate(("a", "b", "c"), 1):
        ask(loop, heard, given_answer(number, PROMPT, domain=domain))
    leave(loop)
    assert [kept.domain for kept in heard.kept] == ["c", "b"]


def test_what_is_still_in_the_tray_is_not_laid_down_again(memory: int) -> None:
    loop, heard = new_loop(memory)
    ask(loop, heard, given_answer(1, PROMPT, domain="a"))
    leave(loop)
    (kept,) = heard.kept
    loop, again = new_loop(memory, begin=1 << 16)
    loop.tell(m.Restore(kept.offset, kept.num_bytes, "a"))
    leave(loop)
    assert again.kept == [kept]


def test_without_time_nothing_is_laid_down(memory: int) -> None:
    loop, heard = new_loop(memory)
    ask(loop, heard, given_answer(1, PROMPT, domain="a"))
    loop.stop(keep_ms=0)
    loop.run()
    assert heard.kept == []


def test_forgotten_prefixes_are_not_found_and_not_laid_down(memory: int) -> None:
    loop, heard = new_loop(memory)
    for number, domain in enumerate(("me:a", "me:b", "\0x=1.0\0me:a", "you:a"), 1):
        ask(loop, heard, given_answer(number, PROMPT, domain=domain))
    loop.tell(m.ForgetPrefixes(9, "me", "a"))
    assert ask(loop, heard, given_answer(5, PROMPT, domain="me:a")).num_cached_tokens == 0
    loop.tell(m.ForgetPrefixes(10, "me"))
    leave(loop)
    assert [told.num_prefixes for told in heard.forgotten] == [2, 2]
    assert [kept.domain for kept in heard.kept] == ["you:a"]


def test_answer_under_way_leaves_nothing_when_its_domain_is_forgotten(memory: int) -> None:
    engine, heard = FakeEngine(STASHING), Heard()
    loop = Loop(engine, heard, tray=Tray(os.dup(memory), 0))
    wishes = [m.ForgetPrefixes(9, "me")]
    engine.in_decode = lambda slices: loop.tell(wishes.pop()) if wishes else None
    assert ask(loop, heard, given_answer(1, PROMPT, domain="me:a")).num_completion_tokens > 1
    leave(loop)
    assert heard.forgotten and heard.kept == []


@given(
    tokens=st.lists(st.integers(0, (1 << 31) - 1)), state=st.binary(max_size=9000), begin=st.integers(0, 9000)
)
def test_any_tokens_and_state_are_read_as_they_were_laid(tokens: list[int], state: bytes, begin: int) -> None:
    fd = os.memfd_create("tray")
    os.ftruncate(fd, 1 << 20)
    tray = Tray(fd, begin)
    places = [tray.lay(tokens, memoryview(state)) for _ in range(2)]
    for place in places:
        assert place is not None and place.offset >= begin
        read = tray.read(place)
        assert (read[0], bytes(read[1])) == (tokens, state)


@pytest.mark.parametrize("place", [Place(0, 3), Place(1 << 20, 8), Place(0, 8)], ids=str)
def test_place_that_cannot_be_is_refused(memory: int, place: Place) -> None:
    os.pwrite(memory, b"\xff\xff\xff\xff", 0)
    with pytest.raises(ValueError):
        Tray(os.dup(memory), 0).read(place)


def test_closed_stash_leaves_what_is_in_the_kv_cache(memory: int) -> None:
    loop, heard = new_loop(memory)
    loop.tell(m.SetStash(False))
    ask(loop, heard, given_answer(1, PROMPT, domain="a"))
    assert ask(loop, heard, given_answer(2, PROMPT, domain="a")).num_cached_tokens == len(PROMPT) - 1
