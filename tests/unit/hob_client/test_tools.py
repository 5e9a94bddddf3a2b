"""Tools and calls as callers write them become the contract's, and errors tell no argument."""

from __future__ import annotations

from typing import Any

import pytest
from hob.v1 import inference_pb2 as pb
from hob_client.errors import InvalidRequest
from hob_client.requests import chat_request
from hob_client.values import ToolCall

SCHEMA = {"type": "object", "properties": {}}
PLAIN = {"name": "now", "description": "The time.", "parameters": SCHEMA}
CALL = ToolCall(id="c1", name="now", arguments='{"zone": "CET"}')


def asked(**talk: Any) -> pb.ChatRequest:
    return chat_request("m", "hi", talk)


@pytest.mark.parametrize(
    "tool",
    [
        PLAIN,
        {"type": "function", "function": PLAIN},
        {**PLAIN, "parameters": '{"type": "object", "properties": {}}'},
    ],
    ids=["plain", "as OpenAI has it", "schema as text"],
)
def test_tool_may_be_written_in_several_ways(tool: dict[str, Any]) -> None:
    (built,) = asked(tools=[tool]).tools
    assert (built.name, built.description) == ("now", "The time.")
    assert built.parameters_schema == '{"type": "object", "properties": {}}'


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", pb.ToolChoice(mode=pb.ToolChoice.MODE_AUTO)),
        ("none", pb.ToolChoice(mode=pb.ToolChoice.MODE_NONE)),
        ("required", pb.ToolChoice(mode=pb.ToolChoice.MODE_REQUIRED)),
        ("now", pb.ToolChoice(mode=pb.ToolChoice.MODE_NAMED, name="now")),
    ],
)
def test_tool_choice_is_a_word_or_a_name(choice: str, expected: pb.ToolChoice) -> None:
    assert asked(tools=[PLAIN], tool_choice=choice).tool_choice == expected


def test_reasoning_is_unset_unless_said() -> None:
    assert not asked().reasoning.HasField("enabled")
    assert asked(reasoning=False, max_reasoning_tokens=0).reasoning == pb.Reasoning(
        enabled=False, max_tokens=0
    )


@pytest.mark.parametrize(
    "call",
    [
        CALL,
        {"id": "c1", "name": "now", "arguments": {"zone": "CET"}},
        {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"zone": "CET"}'}},
    ],
    ids=["value", "mapping", "as OpenAI has it"],
)
def test_calls_go_back_with_the_conversation(call: Any) -> None:
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    (message,) = chat_request("m", [turn], {}).messages
    assert list(message.tool_calls) == [pb.ToolCall(id="c1", name="now", arguments='{"zone": "CET"}')]


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        ({"tools": [{"description": "x"}]}, r"tools\[0\] has no name"),
        ({"tools": ["now"]}, r"tools\[0\] is a str"),
        ({"tools": [{"name": "f", "parameters": 5}]}, "must be a JSON object"),
        ({"tools": [{"name": "f", "parameters": {"SECRET": {1, 2}}}]}, "must be a JSON object"),
        ({"tools": [{"name": "f", "description": "SECRET\ud800"}]}, r"tools\[0\] has a value"),
        ({"tool_choice": {"name": "f"}}, "tool_choice must be"),
        ({"max_reasoning_tokens": -1}, "max_reasoning_tokens"),
    ],
    ids=["no name", "no mapping", "no schema", "no JSON", "surrogate", "choice", "budget"],
)
def test_what_cannot_be_a_tool_is_refused_by_its_place(talk: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refusal:
        asked(**talk)
    assert "SECRET" not in str(refusal.value)
