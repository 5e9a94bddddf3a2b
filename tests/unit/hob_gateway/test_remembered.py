"""What `previous_response_id` finds: bounded, and each token's own."""

from __future__ import annotations

import pytest
from hob_client.errors import InvalidRequest
from hob_client.requests import Message
from hob_gateway.remembered import KEPT_SECONDS, Remembered
from hypothesis import given
from hypothesis import strategies as st


def turn(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000)), max_size=60))
def test_bounds_hold_whatever_is_kept(kept: list[tuple[int, int]]) -> None:
    remembered = Remembered(max_conversations=5, max_bytes=10_000)
    for number, (name, length) in enumerate(kept):
        remembered.forget("t", str(number))
        remembered.keep("t", f"{number}-{name}", turn("x" * length), 0)
        assert remembered.num_bytes <= 10_000
    for number, (name, _) in enumerate(kept):
        remembered.forget("t", f"{number}-{name}")
    assert remembered.num_bytes == 0


def test_each_token_finds_its_own_only() -> None:
    remembered = Remembered()
    remembered.keep("a", "r", turn("hi"), 0)
    assert remembered.recall("a", "r", 1) == turn("hi")
    with pytest.raises(InvalidRequest, match="not known"):
        remembered.recall("b", "r", 1)


def test_what_is_old_is_forgotten() -> None:
    remembered = Remembered()
    remembered.keep("a", "r", turn("hi"), 0)
    with pytest.raises(InvalidRequest, match="not known"):
        remembered.recall("a", "r", KEPT_SECONDS + 1)
    remembered.keep("a", "s", turn("hi"), KEPT_SECONDS + 1)
    assert not remembered.forget("a", "r")
