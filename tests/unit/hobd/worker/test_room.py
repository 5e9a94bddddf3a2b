"""How many tokens a request may have, with a door's limit and without.

Must need no engine.
Run by pytest.
"""

from __future__ import annotations

import pytest
from hobd.wire import messages as m
from hobd.worker import room
from hobd.worker.refusal import Refusal
from hypothesis import given
from hypothesis import strategies as st

some_limits = st.builds(
    m.Limits,
    max_tokens=st.none() | st.integers(1, 100),
    max_context_tokens=st.none() | st.integers(1, 100),
)


@given(context=st.integers(1, 64), limits=some_limits, num_prompt=st.integers(1, 100))
def test_prompt_that_fits_and_its_answer_stay_within_the_door(
    context: int, limits: m.Limits, num_prompt: int
) -> None:
    if num_prompt > room.available(context, limits):
        refusal = room.too_long(context, limits, num_prompt)
        assert refusal.needed == num_prompt > (refusal.available or 0)
        return
    most = room.most_tokens(context, limits, num_prompt)
    if limits.max_context_tokens is not None:
        assert most is not None and num_prompt + most <= limits.max_context_tokens
    assert most is None or most <= (limits.max_tokens or most)


@given(context=st.integers(2, 64), limits=some_limits)
def test_truncated_prompt_leaves_room_for_an_answer(context: int, limits: m.Limits) -> None:
    assert 1 <= room.target(context, limits) <= max(1, room.context(context, limits) - 1) or (
        room.context(context, limits) == 1
    )


def test_text_for_a_vector_is_held_to_the_door() -> None:
    room.check_item(m.Limits(max_context_tokens=8), 8)
    room.check_item(m.Limits(), 10_000)
    with pytest.raises(Refusal, match="a text has 9 tokens and a context at this door has room for 8"):
        room.check_item(m.Limits(max_context_tokens=8), 9)
