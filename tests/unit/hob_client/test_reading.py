"""Values mirror the contract, and events never show text in a repr."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hob.v1 import daemon_pb2, doors_pb2, inference_pb2, models_pb2
from hob_client import events, reading
from hob_client.errors import InternalError

MODULES = (inference_pb2, models_pb2, daemon_pb2, doors_pb2)


def message_type(name: str) -> Any:
    return next(getattr(module, name) for module in MODULES if hasattr(module, name))


@pytest.mark.parametrize("name", sorted(reading._VALUES))
def test_value_has_exactly_the_fields_of_its_message(name: str) -> None:
    ours = {field.name for field in fields(reading.value_of(name))}
    assert ours == set(message_type(name).DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("name", sorted(reading._VALUES))
def test_empty_message_can_be_read(name: str) -> None:
    assert type(reading.read(message_type(name)())) is reading.value_of(name)


def read_event(**kind: Any) -> events.Event | None:
    return reading.read_event(inference_pb2.Event(**kind))


def test_delta_has_text_and_is_not_done() -> None:
    event = read_event(delta=inference_pb2.TokenDelta(text="secret", num_tokens=2))
    assert event is not None
    assert (event.text, event.done) == ("secret", None)
    assert "secret" not in repr(event)


def test_done_has_receipt_and_no_text() -> None:
    end = inference_pb2.AnswerEnd(finish_reason=inference_pb2.FINISH_REASON_MAX_TOKENS)
    event = read_event(done=inference_pb2.Done(answers=[end], receipt=inference_pb2.Receipt(seed=5)))
    assert isinstance(event, events.Done)
    assert (event.text, event.done.seed, event.finish_reason) == ("", 5, "max_tokens")


def test_logprobs_are_read_in_depth() -> None:
    top = inference_pb2.TokenLogprob(token_id=2, token=b"\xff")
    chosen = inference_pb2.TokenLogprob(token_id=1, logprob=-0.5, top=[top])
    event = read_event(delta=inference_pb2.TokenDelta(logprobs=[chosen]))
    assert isinstance(event, events.Delta)
    assert event.logprobs[0].top[0].token == b"\xff"


def test_unknown_kind_of_event_is_skipped() -> None:
    assert read_event() is None


def test_calls_are_put_together_by_their_index() -> None:
    pieces = [(0, "a", "f", '{"x"'), (0, "", "", ": 1}"), (1, "b", "g", "{}")]
    answer = events.AnswerBuilder()
    for index, id, name, arguments in pieces:
        delta = inference_pb2.ToolCallDelta(index=index, id=id, name=name, arguments=arguments)
        event = read_event(tool_call=delta)
        assert event is not None and event.text == "" and "{" not in repr(event)
        answer.add(event)
    end = inference_pb2.AnswerEnd(finish_reason=inference_pb2.FINISH_REASON_TOOL_CALLS)
    answer.add(read_event(done=inference_pb2.Done(answers=[end], receipt=inference_pb2.Receipt())))
    whole = answer.finish()
    assert [(call.id, call.name, call.parsed()) for call in whole.tool_calls] == [
        ("a", "f", {"x": 1}),
        ("b", "g", {}),
    ]
    assert whole.finish_reason == "tool_calls"


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    answer = events.AnswerBuilder()
    for text, is_reasoning in (("Hm.", True), ("Four.", False)):
        answer.add(read_event(delta=inference_pb2.TokenDelta(text=text, is_reasoning=is_reasoning)))
    answer.add(read_event(done=inference_pb2.Done(receipt=inference_pb2.Receipt())))
    whole = answer.finish()
    assert (whole.reasoning, whole.text) == ("Hm.", "Four.")
    assert whole.message == {"role": "assistant", "content": "Four.", "reasoning": "Hm."}


def test_enum_value_of_a_newer_daemon_is_readable() -> None:
    assert reading.read(inference_pb2.AnswerEnd(finish_reason=99)).finish_reason == "unknown_99"


def test_every_event_has_text_and_done() -> None:
    for kind in ("progress", "started", "delta", "warning", "done"):
        event = reading.read_event(inference_pb2.Event(**{kind: getattr(inference_pb2.Event(), kind)}))
        assert event is not None
        assert event.text == "" and event.kind == kind


def test_answer_without_receipt_is_an_error() -> None:
    with pytest.raises(InternalError):
        events.AnswerBuilder().finish()
