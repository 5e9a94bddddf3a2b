"""Tools, tool calls and reasoning, as callers write them and as the contract has them.

Must never put arguments or descriptions into an error, nor run a tool. Called by requests.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict, TypeVar

from hob.v1 import inference_pb2 as pb

from hob_client.errors import InvalidRequest
from hob_client.values import ToolCall

T = TypeVar("T")
#: A JSON schema or arguments: an object, or the JSON text of one.
Json = str | Mapping[str, Any]


class Tool(TypedDict):
    """A function that the model may ask for. OpenAI's {"type": "function", "function": {...}} will do too."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[Json]  # a JSON schema of an object


class Talk(TypedDict, total=False):
    """What chat() and ask() take beside the parameters of every answer."""

    continue_last_message: bool
    template_arguments: Mapping[str, Any]
    tools: Sequence[Tool | Mapping[str, Any]]
    tool_choice: Literal["auto", "none", "required"] | str  # or the name of the tool that is to be called
    parallel_tool_calls: bool
    reasoning: bool  # unset: as the model's template decides
    max_reasoning_tokens: int


_MODES = {
    "auto": pb.ToolChoice.MODE_AUTO,
    "none": pb.ToolChoice.MODE_NONE,
    "required": pb.ToolChoice.MODE_REQUIRED,
}


def build_talk(talk: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields of a ChatRequest that were asked for. Raises InvalidRequest."""
    arguments = talk.get("template_arguments") or {}
    parts: dict[str, Any] = {
        "continue_last_message": bool(talk.get("continue_last_message")),
        "template_arguments": {name: json.dumps(value) for name, value in arguments.items()},
        "tools": [_tool(index, tool) for index, tool in enumerate(talk.get("tools") or ())],
        "parallel_tool_calls": bool(talk.get("parallel_tool_calls")),
        "reasoning": _reasoning(talk),
    }
    if talk.get("tool_choice") is not None:
        parts["tool_choice"] = _choice(talk["tool_choice"])
    return parts


def build_calls(where: str, calls: Any) -> list[pb.ToolCall]:
    """The calls of an assistant's message: ToolCall values, or mappings with id, name and arguments."""
    built = []
    for index, call in enumerate(calls):
        what = f"{where}['tool_calls'][{index}]"
        fields = _fields(call) if isinstance(call, ToolCall) else _flat(what, call)
        built.append(
            _message(
                what,
                pb.ToolCall,
                id=fields.get("id", ""),
                name=fields.get("name", ""),
                arguments=_json_text(f"{what}['arguments']", fields.get("arguments", "")),
            )
        )
    return built


def _tool(index: int, tool: Any) -> pb.Tool:
    what = f"tools[{index}]"
    fields = _flat(what, tool)
    return _message(
        what,
        pb.Tool,
        name=fields.get("name", ""),
        description=fields.get("description", ""),
        parameters_schema=_json_text(f"{what}['parameters']", fields.get("parameters", "")),
    )


def _choice(choice: Any) -> pb.ToolChoice:
    if not isinstance(choice, str):
        raise InvalidRequest("tool_choice must be 'auto', 'none', 'required' or the name of a tool")
    if choice in _MODES:
        return pb.ToolChoice(mode=_MODES[choice])
    return _message("tool_choice", pb.ToolChoice, mode=pb.ToolChoice.MODE_NAMED, name=choice)


def _reasoning(talk: Mapping[str, Any]) -> pb.Reasoning:
    wish = {"enabled": talk.get("reasoning"), "max_tokens": talk.get("max_reasoning_tokens")}
    said = {name: value for name, value in wish.items() if value is not None}
    return _message("reasoning or max_reasoning_tokens", pb.Reasoning, **said)


def _fields(call: ToolCall) -> Mapping[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _flat(what: str, value: Any) -> Mapping[str, Any]:
    """The fields of a tool or call; OpenAI has them one level down."""
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{what} is a {type(value).__name__}; it must be a mapping with a name")
    inner = value.get("function")
    fields = {**value, **inner} if isinstance(inner, Mapping) else value
    if not fields.get("name"):
        raise InvalidRequest(f"{what} has no name; give it one")
    return fields


def _json_text(what: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    fault = f"{what} must be a JSON object, or the text of one"
    if not isinstance(value, Mapping):
        raise InvalidRequest(fault)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        pass  # its words could quote the value
    raise InvalidRequest(fault)


def _message(what: str, kind: type[T], **fields: Any) -> T:
    try:
        return kind(**fields)
    except (TypeError, ValueError):
        pass  # protobuf quotes what it refuses
    raise InvalidRequest(f"{what} has a value of a wrong kind, or text that is not valid Unicode; mend it")
