"""Answers in which reasoning and calls are told apart, as the loop and the wire get them."""

from __future__ import annotations

from collections.abc import Sequence as Tokens

import pytest
from hobd.wire import messages as m
from hobd.worker.answer import Answer
from hobd.worker.dialect import choose
from hobd.worker.sequence import EndReason, Sequence
from hobd.worker.speech import Speech, call_digest

from tests.unit.hobd.worker.dialect.transcripts import HERMES, MISTRAL, NAMES

WEATHER = '{"city": "Paris"}'
ANSWER = (
    "<think>\nHm, stop.\n</think>\n\nLet me see: é. "
    f'<tool_call>\n{{"name": "get_weather", "arguments": {WEATHER}}}\n</tool_call>\n'
    '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
)
THINK, CALL = 1000, 1001  # control tokens: the engine has no bytes for them
MARKS = {THINK: b"<think>", CALL: b"<tool_call>"}


def given_answer(*, stop: tuple[str, ...] = (), is_single: bool = False, seed: int = 7) -> Answer:
    reader = choose(HERMES).reader("", NAMES)
    assert reader is not None
    speech = Speech(reader, MARKS, stop, id_of=lambda i: call_digest(seed, 5, i), is_single=is_single)
    sequence = Sequence(1, [1, 2, 3])
    return Answer(sequence, None, m.Limits(stop=stop), now_ns=0, speech=speech)


def piece(token: int) -> bytes:
    return bytes([token]) if token < 256 else b""


def hear(
    answer: Answer, tokens: Tokens[int], reason: EndReason = EndReason.EOS
) -> tuple[list[m.Delta], m.End]:
    """Everything that is told of an answer, a delta for each token that tells something."""
    deltas = []
    for token in tokens:
        if answer.take(token, piece(token), None, 0):
            reason = EndReason.STOP
            break
        if (delta := answer.delta()) is not None:
            deltas.append(delta)
    last, end = answer.end(reason, 0)
    return [*deltas, *([last] if last else [])], end


def parts(deltas: list[m.Delta]) -> list[m.TextPart | m.CallPart]:
    return [part for delta in deltas for part in delta.parts or ()]


def text(deltas: list[m.Delta], *, is_reasoning: bool = False) -> str:
    told = (part for part in parts(deltas) if isinstance(part, m.TextPart))
    return "".join(part.text for part in told if part.is_reasoning == is_reasoning)


def calls(deltas: list[m.Delta]) -> dict[int, tuple[str, str, str]]:
    found: dict[int, tuple[str, str, str]] = {}
    for part in parts(deltas):
        if isinstance(part, m.CallPart):
            id, name, arguments = found.get(part.index, (part.id, part.name, ""))
            found[part.index] = (id, name, arguments + part.arguments)
    return found


def test_answer_is_told_in_its_parts_and_ends_with_its_calls() -> None:
    deltas, end = hear(given_answer(), ANSWER.encode())
    assert text(deltas, is_reasoning=True) == "Hm, stop.\n"
    assert text(deltas) == "Let me see: é. "
    assert [call[1:] for call in calls(deltas).values()] == [("get_weather", WEATHER), ("get_time", "{}")]
    assert end.reason == "tool_calls"
    assert [token for delta in deltas for token in delta.tokens] == list(ANSWER.encode())


def test_ids_of_calls_differ_by_call_and_seed_and_come_again_with_both() -> None:
    ids = [
        id
        for seed in (7, 8, 7)
        for id, *_ in calls(hear(given_answer(seed=seed), ANSWER.encode())[0]).values()
    ]
    assert len(set(ids)) == 4 and ids[:2] == ids[4:]


def test_family_says_how_long_an_id_is() -> None:
    digest = call_digest(1, 2, 3)
    assert choose(HERMES).call_id(digest) == f"call_{digest[:12]}"
    assert choose(MISTRAL).call_id(digest).isalnum() and len(choose(MISTRAL).call_id(digest)) == 9


def test_control_tokens_of_the_dialect_are_read() -> None:
    tail = b'{"name": "get_time", "arguments": {}}\n</tool_call>'
    deltas, end = hear(given_answer(), [THINK, *b"Hm.</think>", CALL, *tail])
    assert text(deltas, is_reasoning=True) == "Hm." and end.reason == "tool_calls"
    assert text(deltas) == "" and calls(deltas)[0][1] == "get_time"


def test_answer_of_one_call_is_over_with_it() -> None:
    deltas, end = hear(given_answer(is_single=True), ANSWER.encode())
    assert list(calls(deltas)) == [0] and (end.reason, end.stop) == ("tool_calls", "")


@pytest.mark.parametrize(
    ("stop", "said", "reason"),
    [
        ("stop", "Let me see: é. ", "tool_calls"),
        ("see", "Let me ", "stop"),
        ("Paris", "Let me see: é. ", "tool_calls"),
    ],
    ids=["in the reasoning", "in the text", "in a call"],
)
def test_stop_string_counts_in_the_text_only(stop: str, said: str, reason: str) -> None:
    deltas, end = hear(given_answer(stop=(stop,)), ANSWER.encode())
    assert (text(deltas), end.reason, end.stop) == (said, reason, stop if reason == "stop" else "")


def test_beginning_of_a_stop_string_is_told_before_a_call() -> None:
    deltas, _ = hear(given_answer(stop=("é. X",)), ANSWER.encode())
    kinds = [type(part) for part in parts(deltas) if not getattr(part, "is_reasoning", False)]
    assert text(deltas) == "Let me see: é. "
    assert kinds.index(m.CallPart) == kinds.count(m.TextPart)


def test_answer_that_is_cut_in_a_call_says_so() -> None:
    deltas, end = hear(given_answer(), ANSWER.encode()[:-60], EndReason.MAX_TOKENS)
    assert end.reason == "max_tokens" and calls(deltas)[0][2] == WEATHER


def test_stop_string_in_what_was_held_back_stops_too() -> None:
    deltas, end = hear(given_answer(stop=("<tool",)), b"so <tool_")
    assert (text(deltas), end.reason, end.stop) == ("so ", "stop", "<tool")


def test_answer_goes_on_at_any_token_in_another_worker() -> None:
    tokens = [
        *b"<think>x</think>y ",
        CALL,
        *b'{"name": "get_time", "arguments": {"a": "\xc3\xa9"}}</tool_call>z',
    ]
    whole, end = hear(given_answer(stop=("z",)), tokens)
    for cut in range(1, len(whole)):
        told = [token for delta in whole[:cut] for token in delta.tokens]
        answer = given_answer(stop=("z",))
        answer.replay(told, piece)
        rest, last = hear(answer, tokens[len(told) :])
        assert calls([*whole[:cut], *rest]) == calls(whole) and last.reason == end.reason
        assert parts(whole[:cut]) + parts(rest) == parts(whole)
