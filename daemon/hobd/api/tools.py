"""Tools, tool calls and reasoning of a chat request, checked and in the form that chat templates expect.

Must never quote a description, a schema or arguments in a refusal; names are quoted once they are known to
be names. Nesting is counted before anything parses. Called by convert.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from hob.v1 import inference_pb2 as pb

from hobd.errors import InvalidRequest
from hobd.wire import messages as m

MAX_TOOLS = 128
MAX_SCHEMA_BYTES, MAX_TOOLS_BYTES = 64 << 10, 256 << 10
MAX_DESCRIPTION_BYTES = 16 << 10
MAX_DEPTH = 32
MAX_CALLS = 128  # of one message
MAX_ID_CHARACTERS = 64
MAX_REASONING_TOKENS = 1 << 30
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ID = re.compile(r"[!-~]{1,64}")
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}

# Strings are left out of the count: brackets in them nest nothing.
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def offered(request: pb.ChatRequest) -> bytes:
    """The tools that the model is told of, as JSON. Raises InvalidRequest."""
    if len(request.tools) > MAX_TOOLS:
        raise InvalidRequest(f"there are {len(request.tools)} tools; at most {MAX_TOOLS} are taken")
    names: set[str] = set()
    tools = []
    for index, tool in enumerate(request.tools):
        _check_name(f"tools[{index}].name", tool.name)
        if tool.name in names:
            raise InvalidRequest(f"two tools have the name {tool.name}; rename one")
        names.add(tool.name)
        tools.append({"type": "function", "function": _function(index, tool)})
    encoded = msgspec.json.encode(tools)
    _check_size("tools", len(encoded), MAX_TOOLS_BYTES)
    # A model that is not told of the tools cannot try to call one, and its prompt is the shorter.
    return b"[]" if request.tool_choice.mode == pb.ToolChoice.MODE_NONE else encoded


def calling(request: pb.ChatRequest) -> m.Calling:
    """Whether and which of them must be called. Raises InvalidRequest."""
    choice, modes = request.tool_choice, pb.ToolChoice
    if choice.mode not in modes.Mode.values():
        raise InvalidRequest(f"tool_choice.mode {choice.mode} does not exist in this version of hob")
    if choice.name and choice.mode != modes.MODE_NAMED:
        raise InvalidRequest("tool_choice.name is only for MODE_NAMED; leave it empty, or change the mode")
    if choice.mode in (modes.MODE_REQUIRED, modes.MODE_NAMED) and not request.tools:
        raise InvalidRequest("tool_choice asks for a call, but there are no tools; send some")
    if choice.mode == modes.MODE_NAMED:
        _check_name("tool_choice.name", choice.name)
        if choice.name not in {tool.name for tool in request.tools}:
            raise InvalidRequest(
                f"tool_choice.name is {choice.name}, which is none of the tools; send it too"
            )
    return m.Calling(
        must_call=choice.mode in (modes.MODE_REQUIRED, modes.MODE_NAMED),
        only=choice.name,
        is_parallel=request.parallel_tool_calls,
    )


def check_combination(request: pb.ChatRequest) -> None:
    """Calls have a shape of their own, and end an answer. Raises InvalidRequest."""
    if not request.tools or request.tool_choice.mode == pb.ToolChoice.MODE_NONE:
        return
    if request.response_format.WhichOneof("format") is not None:
        raise InvalidRequest("tools and response_format exclude each other; leave one of them out")
    if request.limits.ignore_eos:
        raise InvalidRequest("tools and ignore_eos exclude each other; leave one of them out")


def reasoning(request: pb.ChatRequest) -> m.Reasoning:
    """Raises InvalidRequest."""
    wish = request.reasoning
    max_tokens = wish.max_tokens if wish.HasField("max_tokens") else None
    if max_tokens is not None and max_tokens > MAX_REASONING_TOKENS:
        raise InvalidRequest(
            f"reasoning.max_tokens must be from 0 to {MAX_REASONING_TOKENS}, not {max_tokens}"
        )
    return m.Reasoning(wish.enabled if wish.HasField("enabled") else None, max_tokens)


def turn(index: int, message: pb.ChatMessage, called: dict[str, str]) -> dict[str, Any]:
    """What a message has of calls and results. `called` has the names of earlier calls by their ids, and
    gets this one's. Raises InvalidRequest."""
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest(f"message {index} has tool calls, which only the assistant's may have")
    if message.tool_call_id and message.role != "tool":
        raise InvalidRequest(f"message {index} has a tool_call_id, which only messages of role tool may have")
    if message.tool_calls:
        return {"tool_calls": _calls(f"message {index}", message.tool_calls, called)}
    if message.tool_call_id:
        _check_id(f"message {index}", message.tool_call_id)
        if message.tool_call_id not in called:
            raise InvalidRequest(
                f"message {index} answers the call {message.tool_call_id}, which no message before it made"
            )
        return {"tool_call_id": message.tool_call_id, "name": called[message.tool_call_id]}
    return {}


# ---------------------------------------------------------------------- private steps


def _function(index: int, tool: pb.Tool) -> dict[str, Any]:
    _check_size(f"tools[{index}].description", len(tool.description.encode()), MAX_DESCRIPTION_BYTES)
    parameters = _NO_ARGUMENTS
    if tool.parameters_schema:
        what = f"tools[{index}].parameters_schema"
        parameters = _object(what, tool.parameters_schema)
        if parameters.setdefault("type", "object") != "object":
            raise InvalidRequest(f"{what} must be of an object; change its `type`")
    return {"name": tool.name, "description": tool.description, "parameters": parameters}


def _calls(where: str, calls: Sequence[pb.ToolCall], called: dict[str, str]) -> list[dict[str, Any]]:
    if len(calls) > MAX_CALLS:
        raise InvalidRequest(f"{where} has {len(calls)} tool calls; at most {MAX_CALLS} are taken")
    told = []
    for number, call in enumerate(calls):
        what = f"{where}, tool_calls[{number}]"
        _check_name(f"{what}.name", call.name)
        _check_id(what, call.id)
        called[call.id] = call.name
        arguments = _object(f"{what}.arguments", call.arguments or "{}")
        function = {"name": call.name, "arguments": arguments}
        told.append({"type": "function", "id": call.id, "function": function})
    return told


def _object(what: str, text: str) -> dict[str, Any]:
    value = json_value(what, text)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON object, not a {type(value).__name__}")
    return value


def json_value(what: str, text: str) -> Any:
    """What a JSON text says, strictly: no NaN, no half of a surrogate pair. Raises InvalidRequest."""
    data = text.encode()
    _check_size(what, len(data), MAX_SCHEMA_BYTES)
    if (depth := nesting(data)) > MAX_DEPTH:
        raise InvalidRequest(f"{what} is nested {depth} levels deep; at most {MAX_DEPTH} are taken")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(f"{what} is not JSON; mend it") from None


def nesting(data: bytes) -> int:
    """How deep brackets nest in JSON text, or in what wants to be it."""
    depth = deepest = 0
    for match in _STRUCTURE.finditer(data):
        if match[0] in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in b"}]":
            depth -= 1
    return deepest


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f'{what} must be 1 to 64 letters, digits, "_", "." or "-"; rename it')


def _check_id(where: str, id: str) -> None:
    if not _ID.fullmatch(id):
        raise InvalidRequest(
            f"{where} needs the id of a call: 1 to {MAX_ID_CHARACTERS} printable characters without spaces"
        )


def _check_size(what: str, size: int, most: int) -> None:
    if size > most:
        raise InvalidRequest(f"{what} has {size} bytes; at most {most} are taken")
