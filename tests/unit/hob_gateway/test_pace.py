"""How often each may ask: never more than the bucket holds, and everybody's own."""

from __future__ import annotations

from hob_gateway.pace import Pace
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.floats(0, 2), max_size=200))
def test_no_more_get_in_than_the_bucket_gave(gaps: list[float]) -> None:
    pace, now, num_in = Pace(per_second=2, burst=5, at_once=1000), 0.0, 0
    for gap in gaps:
        now += gap
        num_in += pace.enter("a", now) == 0
    assert num_in <= 5 + 2 * now + 1e-6


@given(st.lists(st.booleans(), max_size=100))
def test_no_more_are_under_way_than_allowed(enters: list[bool]) -> None:
    pace, under_way = Pace(per_second=1, burst=1000, at_once=3), 0
    for enter in enters:
        if enter:
            under_way += pace.enter("a", 0) == 0
        elif under_way:
            pace.leave("a")
            under_way -= 1
        assert under_way <= 3


def test_one_caller_does_not_slow_another() -> None:
    pace = Pace(per_second=1, burst=1, at_once=9)
    assert [pace.enter("a", 0) == 0, pace.enter("a", 0) == 0, pace.enter("b", 0) == 0] == [True, False, True]


def test_wait_that_was_told_is_enough() -> None:
    pace = Pace(per_second=0.5, burst=1, at_once=9)
    assert pace.enter("a", 0) == 0
    wait = pace.enter("a", 0)
    assert wait == 2 and pace.enter("a", wait) == 0
