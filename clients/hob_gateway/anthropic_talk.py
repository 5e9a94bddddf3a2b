"""Anthropic's words for a conversation, as hob_client's.

Must refuse what it cannot pass on, and fetch nothing. Called by anthropic.py.
"""

from __future__ import annotations

import json
from typing import Any

from hob_client.errors import InvalidRequest
from hob_client.requests import Message
from hob_client.values import Media, Receipt

from hob_gateway import asking
from hob_gateway.asking import Fields
from hob_gateway.house import extras, given

STOPS = {
    "eos": "end_turn",
    "stop": "stop_sequence",
    "max_tokens": "max_tokens",
    "context_full": "max_tokens",
    "deadline": "max_tokens",
    "tool_calls": "tool_use",
}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def messages_of(fields: Fields) -> list[Message]:
    turns: list[Message] = []
    system = _texts("system", fields.get("system"))
    if system:
        turns.append({"role": "system", "content": system})
    for number, turn in enumerate(asking.take_objects(fields, "messages")):
        turns += _turns(f"messages[{number}]", turn)
    return turns


def _turns(what: str, turn: Fields) -> list[Message]:
    """One of Anthropic's turns; results of tools are turns of their own, before what the user says."""
    role, content = asking.take(turn, "role", str, ""), turn.get("content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise InvalidRequest(f"{what}.content must be text, or a list of blocks")
    message: Message = {"role": role, "content": ""}
    results: list[Message] = []
    parts: list[str | Media] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(content):
        where = f"{what}.content[{number}]"
        kind = block.get("type")
        if kind == "tool_result":
            results.append(_result(where, block))
        elif kind == "tool_use":
            arguments = json.dumps(asking.take(block, "input", dict, {}), ensure_ascii=False)
            calls.append({"id": block.get("id", ""), "name": block.get("name", ""), "arguments": arguments})
        elif kind == "thinking":
            message["reasoning"] = asking.take(block, "thinking", str, "")
        elif kind != "redacted_thinking":
            parts.append(_part(where, block))
    if calls:
        message["tool_calls"] = calls
    if parts:
        message["content"] = parts
    has_own = parts or calls or not results
    return [*results, message] if has_own else results


def _result(where: str, block: Fields) -> Message:
    """Images in a result are refused: no template of a model has a place for them."""
    text = _texts(f"{where}.content", block.get("content"))
    return {"role": "tool", "content": text, "tool_call_id": asking.take(block, "tool_use_id", str, "")}


def _texts(what: str, content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(
        isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
        for block in content
    ):
        raise InvalidRequest(f"{what} must be text, or a list of blocks of text")
    return "\n\n".join(block["text"] for block in content)


def _part(where: str, block: Fields) -> str | Media:
    if block.get("type") == "text":
        text: str = asking.take(block, "text", str, "")
        return text
    source = asking.take(block, "source", dict, {})
    if block.get("type") == "image" and source.get("type") == "base64":
        return asking.file_of(source.get("data"), f"{where}.source.data")
    raise InvalidRequest(f"{where} must be text, an image as base64, or about a tool; nothing is fetched")


def wishes_of(fields: Fields) -> dict[str, Any]:
    """Parameters, tools and reasoning."""
    wishes: dict[str, Any] = given(fields, {"stop_sequences": "stop"}) | extras(fields)
    for name in ("temperature", "top_p"):
        if (number := asking.take_number(fields, name)) is not None:
            wishes[name] = number
    if (limit := asking.take_count(fields, "max_tokens")) is not None:
        wishes["max_tokens"] = limit
    return wishes | talk_of(fields)


def talk_of(fields: Fields) -> dict[str, Any]:
    tools = [_tool(f"tools[{n}]", tool) for n, tool in enumerate(asking.take_objects(fields, "tools"))]
    choice = asking.take(fields, "tool_choice", dict, {})
    talk: dict[str, Any] = {}
    if tools:
        talk = {"tools": tools, "tool_choice": _choice(choice)}
        talk["parallel_tool_calls"] = not choice.get("disable_parallel_tool_use", False)
    thinking = asking.take(fields, "thinking", dict, {})
    if thinking.get("type") == "disabled":
        talk["reasoning"] = False
    elif thinking.get("type") == "enabled" and (budget := asking.take_count(thinking, "budget_tokens")):
        talk["max_reasoning_tokens"] = budget
    return talk


def _tool(what: str, tool: Fields) -> Fields:
    if tool.get("type", "custom") != "custom":
        raise InvalidRequest(f"{what} must be a tool of yours; the gateway runs none of its own")
    return given(tool, {"name": "name", "description": "description", "input_schema": "parameters"})


def _choice(choice: Fields) -> str:
    kind = choice.get("type", "auto")
    if kind == "tool" and isinstance(choice.get("name"), str):
        name: str = choice["name"]
        return name
    if kind not in _CHOICES:
        raise InvalidRequest("tool_choice.type must be auto, any, none, or tool with a name")
    return _CHOICES[kind]


def usage_of(receipt: Receipt) -> dict[str, int]:
    """Anthropic counts what was found in the cache apart."""
    return {
        "input_tokens": receipt.num_prompt_tokens - receipt.num_cached_tokens,
        "cache_read_input_tokens": receipt.num_cached_tokens,
        "output_tokens": receipt.num_completion_tokens,
    }
