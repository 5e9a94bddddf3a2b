"""Parts of an answer as events: tokens counted once, and what goes on joined."""

from __future__ import annotations

from collections import deque

from hobd.broker.deltas import joined, told_parts
from hobd.broker.request import Event, TokenDelta, ToolCallDelta
from hobd.wire import messages as m
from hypothesis import given
from hypothesis import strategies as st

parts = st.lists(
    st.builds(m.TextPart, st.text(max_size=3), st.booleans())
    | st.builds(m.CallPart, st.integers(0, 2), st.text(max_size=3), st.sampled_from(["", "id"]))
)
deltas = st.lists(st.builds(lambda told, n: m.Delta(1, "", [], [0] * n, told), parts, st.integers(0, 3)))


def joined_all(events: list[Event]) -> list[Event]:
    waiting, told = deque(events), []
    while waiting:
        told.append(joined(waiting.popleft(), waiting))
    return told


def content(events: list[Event]) -> list[tuple[object, str]]:
    """Who said which character, in order."""
    said: list[tuple[object, str]] = []
    for event in events:
        if isinstance(event, TokenDelta):
            said += [(event.is_reasoning, character) for character in event.text]
        elif isinstance(event, ToolCallDelta):
            said += [((event.index, event.id), "begin")] if event.id else []
            said += [(event.index, character) for character in event.arguments]
    return said


@given(told=deltas)
def test_joining_loses_nothing_and_counts_every_token_once(told: list[m.Delta]) -> None:
    events = [event for delta in told for event in told_parts(delta)]
    together = joined_all(events)
    assert content(together) == content(events)
    assert sum(event.num_tokens for event in together) == sum(delta.num_tokens for delta in told)


def test_pieces_of_one_call_travel_as_one() -> None:
    told = [
        m.CallPart(0, "", "id", "f"),
        m.CallPart(0, "{"),
        m.CallPart(0, "}"),
        m.CallPart(1, "", "id2", "g"),
    ]
    first, second = joined_all(told_parts(m.Delta(1, "", [], [5, 6], told)))
    assert first == ToolCallDelta(0, "id", "f", "{}", 2, [])
    assert second == ToolCallDelta(1, "id2", "g", "", 0, [])


def test_no_repr_tells_what_was_said() -> None:
    told = [m.TextPart("SECRET", True), m.CallPart(0, "SECRET", "id", "SECRET")]
    assert "SECRET" not in repr(told) + repr(told_parts(m.Delta(1, "", [], [5], told)))
