"""Text comes out whole, once, and never past a stop string, however the tokens cut it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hobd.worker.text import TextPush, TextStream
from hypothesis import given
from hypothesis import strategies as st

STOP_LETTERS = "abé🙂"
Stops = st.lists(st.text(STOP_LETTERS, min_size=1, max_size=5), max_size=4).map(tuple)
Cuts = st.lists(st.integers(0, 60), max_size=20)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def stream_all(stream: TextStream, pieces: list[bytes]) -> tuple[str, str | None]:
    text = ""
    for piece in pieces:
        push = stream.push(piece)
        text += push.text
        if push.stopped is not None:
            return text, push.stopped
    return text + stream.flush(), None


def naive(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """The oracle: look at ever longer beginnings until one ends with a stop string."""
    for end in range(len(text) + 1):
        ending = [s for s in stops if text[:end].endswith(s)]
        if ending:
            longest = max(ending, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(st.text(STOP_LETTERS, max_size=30), Stops, Cuts)
def test_any_cutting_gives_what_the_oracle_says(text: str, stops: tuple[str, ...], cuts: list[int]) -> None:
    assert stream_all(TextStream(stops), cut(text.encode(), cuts)) == naive(text, stops)


@given(st.binary(max_size=40), Cuts)
def test_any_bytes_decode_as_they_would_in_one_piece(data: bytes, cuts: list[int]) -> None:
    assert stream_all(TextStream(), cut(data, cuts)) == (data.decode("utf-8", "replace"), None)


@given(st.text(STOP_LETTERS, max_size=30), Stops, Cuts)
def test_no_more_is_held_back_than_could_become_a_stop(
    text: str, stops: tuple[str, ...], cuts: list[int]
) -> None:
    stream, sent, seen = TextStream(stops), "", b""
    for piece in cut(text.encode(), cuts):
        push = stream.push(piece)
        if push.stopped is not None:
            return
        sent, seen = sent + push.text, seen + piece
        held = seen.decode("utf-8", "ignore")[len(sent) :]
        assert held == "" or any(s.startswith(held) for s in stops)


def test_half_a_character_waits_for_the_other_half() -> None:
    stream = TextStream()
    first, rest = "🙂".encode()[:3], "🙂".encode()[3:]
    assert stream.push(b"a" + first) == TextPush("a")
    assert stream.push(rest + b"b") == TextPush("🙂b")


def test_half_a_character_at_the_end_becomes_a_replacement() -> None:
    stream = TextStream()
    stream.push("é".encode()[:1])
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize(
    ("stops", "pieces", "text", "stopped"),
    [
        pytest.param(("\n\n",), ["a\n", "b\n", "\nc"], "a\nb", "\n\n", id="across-pieces"),
        pytest.param(("aab",), ["aa", "aab"], "aa", "aab", id="begins-again-inside-itself"),
        pytest.param(("bc", "abcd"), ["abcd"], "a", "bc", id="complete-first-wins"),
        pytest.param(("bc", "abc"), ["abc"], "", "abc", id="longest-of-those-ending-together"),
        pytest.param(("ab", "abc"), ["abc"], "", "ab", id="never-waits-for-a-longer-one"),
        pytest.param(("x",), ["abc"], "abc", None, id="none"),
        pytest.param(("",), ["abc"], "abc", None, id="empty-stop-is-no-stop"),
    ],
)
def test_stop(stops: tuple[str, ...], pieces: list[str], text: str, stopped: str | None) -> None:
    assert stream_all(TextStream(stops), [p.encode() for p in pieces]) == (text, stopped)


def test_held_text_is_sent_once_it_cannot_become_a_stop() -> None:
    stream = TextStream(("<end>",))
    assert stream.push(b"x<en") == TextPush("x")
    assert stream.push(b"tity>") == TextPush("<entity>")


def test_nothing_comes_after_a_stop() -> None:
    stream = TextStream(("!",))
    assert stream.push(b"hi! there") == TextPush("hi", "!")
    assert stream.push(b"more") == TextPush("", "!")
    assert stream.flush() == ""
