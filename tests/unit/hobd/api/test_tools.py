"""Tools and calls of a chat request: what a template gets of them; refusals have name, value and range."""

from __future__ import annotations

import json

import pytest
from hob.v1 import inference_pb2 as pb
from hobd.api import convert, tools
from hobd.config import Config
from hobd.errors import InvalidRequest
from hobd.wire import messages as m
from hypothesis import given
from hypothesis import strategies as st

CITY = '{"type": "object", "properties": {"city": {"type": "string"}}}'
WEATHER = pb.Tool(name="get_weather", description="Sunny or not.", parameters_schema=CITY)
NOW = pb.Tool(name="now")
QUESTION = pb.ChatMessage(role="user", content=[pb.ContentPart(text="hi")])
json_values = st.recursive(
    st.none() | st.booleans() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


def prompt(**fields: object) -> m.ChatPrompt:
    return convert.chat_prompt(pb.ChatRequest(**({"messages": [QUESTION]} | fields)), Config())


RED = pb.ResponseFormat(choice=pb.ChoiceFormat(choices=["red"]))


def choice(mode: str, name: str = "") -> pb.ToolChoice:
    return pb.ToolChoice(mode=pb.ToolChoice.Mode.Value(f"MODE_{mode.upper()}"), name=name)


def assistant(*calls: pb.ToolCall) -> pb.ChatMessage:
    return pb.ChatMessage(role="assistant", tool_calls=calls)


def call(id: str = "c1", name: str = "now", arguments: str = "{}") -> pb.ToolCall:
    return pb.ToolCall(id=id, name=name, arguments=arguments)


def result(id: str) -> pb.ChatMessage:
    return pb.ChatMessage(role="tool", tool_call_id=id, content=[pb.ContentPart(text="12:00")])


def test_tools_have_the_form_that_templates_expect() -> None:
    weather, now = json.loads(prompt(tools=[WEATHER, NOW]).tools)
    assert weather == {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Sunny or not.",
            "parameters": json.loads(CITY),
        },
    }
    assert now["function"]["parameters"]["properties"] == {}


@pytest.mark.parametrize(
    ("wish", "calling"),
    [
        ({}, m.Calling()),
        ({"tool_choice": choice("auto"), "parallel_tool_calls": True}, m.Calling(is_parallel=True)),
        ({"tool_choice": choice("required")}, m.Calling(must_call=True)),
        ({"tool_choice": choice("named", "now")}, m.Calling(must_call=True, only="now")),
    ],
    ids=["unset", "auto", "required", "named"],
)
def test_tool_choice_says_whether_and_which(wish: dict[str, object], calling: m.Calling) -> None:
    assert prompt(tools=[WEATHER, NOW], **wish).calling == calling


def test_model_is_not_told_of_tools_that_it_must_not_call() -> None:
    assert prompt(tools=[WEATHER], tool_choice=choice("none")).tools == b"[]"


def test_calls_and_results_go_to_the_template_with_arguments_as_objects() -> None:
    asked = assistant(call(arguments='{"zone": "CET"}'))
    _, said, told = json.loads(prompt(messages=[QUESTION, asked, result("c1")]).messages)
    function = {"name": "now", "arguments": {"zone": "CET"}}
    assert said["tool_calls"] == [{"type": "function", "id": "c1", "function": function}]
    assert told == {"role": "tool", "content": "12:00", "tool_call_id": "c1", "name": "now"}


def test_reasoning_is_passed_on() -> None:
    wish = pb.Reasoning(enabled=False, max_tokens=7)
    assert prompt(reasoning=wish).reasoning == m.Reasoning(False, 7)
    assert prompt().reasoning == m.Reasoning()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [NOW] * 2}, "two tools have the name now"),
        ({"tools": [NOW] * 129}, "129 tools; at most 128"),
        ({"tools": [pb.Tool(name="a b")]}, r"tools\[0\].name must be 1 to 64 letters"),
        ({"tools": [pb.Tool(name="x" * 65)]}, r"tools\[0\].name must be 1 to 64 letters"),
        ({"tools": [pb.Tool(name="f", parameters_schema="{")]}, "parameters_schema is not JSON"),
        ({"tools": [pb.Tool(name="f", parameters_schema="[]")]}, "must be a JSON object, not a list"),
        ({"tools": [pb.Tool(name="f", parameters_schema='{"type": "string"}')]}, "must be of an object"),
        ({"tools": [pb.Tool(name="f", parameters_schema="[" * 60_000)]}, "60000 levels deep; at most 32"),
        ({"tools": [pb.Tool(name="f", parameters_schema=" " * 70_000)]}, "70000 bytes; at most 65536"),
        ({"tools": [pb.Tool(name="f", description="x" * 17_000)]}, "description has 17000 bytes"),
        ({"tool_choice": choice("required")}, "there are no tools"),
        ({"tools": [NOW], "tool_choice": choice("named", "rm")}, "rm, which is none of the tools"),
        ({"tools": [NOW], "tool_choice": choice("auto", "now")}, "only for MODE_NAMED"),
        ({"tools": [NOW], "tool_choice": pb.ToolChoice(mode=9)}, "mode 9 does not exist"),
        ({"messages": [QUESTION, result("c1")]}, "message 1 answers the call c1, which no message"),
        ({"messages": [assistant(call(id="a b"))]}, "needs the id of a call"),
        ({"messages": [assistant(call(arguments="[]"))]}, "must be a JSON object, not a list"),
        ({"messages": [assistant(call(arguments='{"a": NaN}'))]}, "arguments is not JSON"),
        ({"messages": [assistant(*[call()] * 129)]}, "129 tool calls; at most 128"),
        ({"messages": [pb.ChatMessage(role="user", tool_calls=[call()])]}, "only the assistant's"),
        ({"messages": [pb.ChatMessage(role="user", tool_call_id="c1")]}, "only messages of role tool"),
        ({"reasoning": pb.Reasoning(max_tokens=1 << 31)}, "reasoning.max_tokens must be from 0 to"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)
def test_absurd_tools_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        prompt(**fields)


@pytest.mark.parametrize(
    "other", [{"response_format": RED}, {"limits": pb.Limits(ignore_eos=True)}], ids=["shape", "no end"]
)
def test_tools_exclude_other_shapes_and_answers_without_end(other: dict[str, object]) -> None:
    chat = pb.ChatRequest(messages=[QUESTION], tools=[NOW], **other)
    with pytest.raises(InvalidRequest, match=r"tools and .* exclude each other"):
        convert.chat_request(chat, Config())
    chat.tool_choice.mode = pb.ToolChoice.MODE_NONE
    if other.get("response_format"):
        assert convert.chat_request(chat, Config()).constraint is not None


@given(value=json_values)
def test_nesting_is_counted_as_a_parser_would(value: object) -> None:
    def depth(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert tools.nesting(json.dumps(value).encode()) == depth(value)


@given(schema=st.text(max_size=30))
def test_no_refusal_quotes_a_schema(schema: str) -> None:
    tool = pb.Tool(name="f", parameters_schema=f'{{"SECRET": {schema}')
    with pytest.raises(InvalidRequest) as refusal:
        prompt(tools=[tool])
    assert "SECRET" not in str(refusal.value)
