"""Who calls what next: whatever a model says, a turn ends, and each call gets one verdict."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hob_client.agent.turn import Ending, Limits, Turn
from hob_client.agent.values import Call, Declined
from hob_client.values import ToolCall
from hypothesis import given
from hypothesis import strategies as st

TOOLS = ("read", "write")
CALLS = st.builds(
    ToolCall,
    id=st.text("0123456789", min_size=1, max_size=3),
    name=st.sampled_from([*TOOLS, "rm"]),
    arguments=st.sampled_from(["{}", '{"path": "a"}', '{"path":"a"}', "[]", "", "{", "[" * 5000]),
)
ANSWERS = st.lists(st.lists(CALLS, max_size=5), min_size=1, max_size=60)
LIMITS = st.builds(
    Limits,
    num_steps=st.integers(2, 12),
    num_calls=st.integers(1, 4),
    num_repeats=st.integers(1, 3),
    num_stuck=st.integers(1, 4),
    result_characters=st.integers(1, 50),
    turn_characters=st.integers(1, 100),
)


def ask(name: str = "read", arguments: str = "{}") -> ToolCall:
    return ToolCall(id="1", name=name, arguments=arguments)


@given(answers=ANSWERS, limits=LIMITS)
def test_turn_ends_within_its_steps_and_judges_each_call_once(
    answers: list[list[ToolCall]], limits: Limits
) -> None:
    turn, done = Turn(TOOLS, limits), Counter[str]()
    num_steps = 0
    while turn.ending is None:
        calls = answers[num_steps % len(answers)]
        verdicts = turn.heed(calls, "tool_calls")
        num_steps += 1
        assert [verdict.id for verdict in verdicts] == [call.id for call in calls]
        tried = [verdict for verdict in verdicts if isinstance(verdict, Call)]
        done.update(f"{call.name}{json.dumps(call.arguments)}" for call in tried)
        assert len(tried) <= limits.num_calls and all(call.name in TOOLS for call in tried)
    assert num_steps <= limits.num_steps and max(done.values(), default=0) <= limits.num_repeats


@given(lengths=st.lists(st.integers(0, 80), max_size=30), limits=LIMITS)
def test_results_are_bounded_each_and_together(lengths: list[int], limits: Limits) -> None:
    turn = Turn(TOOLS, limits)
    kept = [turn.clip("@" * length).count("@") for length in lengths]
    assert all(count <= limits.result_characters for count in kept)
    assert sum(kept) <= limits.turn_characters


def test_answer_without_calls_ends_the_turn() -> None:
    turn = Turn(TOOLS)
    assert turn.heed([], "eos") == () and turn.ending is Ending.ANSWERED


def test_answer_that_is_cut_off_is_told_as_such() -> None:
    turn = Turn(TOOLS)
    turn.heed([], "max_tokens")
    assert turn.ending is Ending.CUT_OFF


def test_last_answer_may_call_nothing_and_its_calls_are_declined() -> None:
    turn = Turn(TOOLS, Limits(num_steps=2))
    turn.heed([ask()], "tool_calls")
    assert not turn.may_call
    (verdict,) = turn.heed([ask()], "tool_calls")
    assert isinstance(verdict, Declined) and turn.ending is Ending.STEPS


def test_same_call_with_other_spacing_is_the_same_call() -> None:
    turn = Turn(TOOLS, Limits(num_repeats=1))
    first, second = turn.heed([ask("read", '{"a": 1, "b": 2}'), ask("read", '{"b":2,"a":1}')], "tool_calls")
    assert isinstance(first, Call) and isinstance(second, Declined) and "before" in second.why


def test_model_that_is_stuck_gets_one_more_answer_without_tools() -> None:
    turn = Turn(TOOLS, Limits(num_stuck=2))
    for _ in range(2):
        assert turn.may_call
        turn.heed([ask("rm")], "tool_calls")
    assert not turn.may_call
    turn.heed([], "eos")
    assert turn.ending is Ending.STUCK


@pytest.mark.parametrize("arguments", ["", "[]", "{", '"x"', "[" * 100_000], ids=len)
def test_arguments_that_are_no_object_are_declined(arguments: str) -> None:
    (verdict,) = Turn(TOOLS).heed([ask("read", arguments)], "tool_calls")
    assert isinstance(verdict, Declined) and "JSON object" in verdict.why


def test_no_argument_is_part_of_a_repr() -> None:
    (verdict,) = Turn(TOOLS).heed([ask("read", '{"path": "canary"}')], "tool_calls")
    assert "canary" not in repr(verdict)
