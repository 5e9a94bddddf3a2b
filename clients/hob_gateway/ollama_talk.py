"""Ollama's words for a conversation and its options, as hob_client's.

Must refuse what it cannot pass on. Called by ollama.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hob_client.errors import InvalidRequest
from hob_client.events import Answer
from hob_client.requests import Message
from hob_client.values import Media, Receipt, ToolCall

from hob_gateway import asking
from hob_gateway.asking import Fields

_OPTIONS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "seed": "seed",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "penalty_last_n",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "num_predict": "max_tokens",
}
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)")
FOREVER_SECONDS = 31_536_000  # a year, which is the most that a keep-alive can ask


def model_of(fields: Fields) -> str:
    """Ollama's clients say `:latest` behind names."""
    name: str = asking.take(fields, "model", str) or asking.take(fields, "name", str, "")
    return name.removesuffix(":latest")


def messages_of(fields: Fields) -> list[Message]:
    names: list[str] = []  # ids of the calls so far: Ollama's results have none
    return [
        _message(f"messages[{number}]", turn, names)
        for number, turn in enumerate(asking.take_objects(fields, "messages"))
    ]


def _message(what: str, turn: Fields, ids: list[str]) -> Message:
    content = with_images(what, asking.take(turn, "content", str, ""), turn)
    message: Message = {"role": asking.take(turn, "role", str, ""), "content": content}
    if turn.get("thinking"):
        message["reasoning"] = asking.take(turn, "thinking", str)
    calls = asking.take_objects(turn, "tool_calls")
    if calls:
        message["tool_calls"] = [_call(f"{what}.tool_calls[{n}]", call, ids) for n, call in enumerate(calls)]
    if message["role"] == "tool":
        message["tool_call_id"] = asking.take(turn, "tool_call_id", str) or (ids.pop(0) if ids else "call_0")
    return message


def _call(what: str, call: Fields, ids: list[str]) -> dict[str, Any]:
    function = asking.take(call, "function", dict, {})
    call_id = asking.take(call, "id", str) or f"{what}"
    ids.append(call_id)
    arguments = asking.take(function, "arguments", dict, {})
    return {"id": call_id, "name": function.get("name", ""), "arguments": json.dumps(arguments)}


def with_images(what: str, text: str, fields: Fields) -> str | list[str | Media]:
    images = asking.take(fields, "images", list, [])
    files = [asking.file_of(image, f"{what}.images[{number}]") for number, image in enumerate(images)]
    return [*files, text] if files else text


def wishes_of(fields: Fields) -> dict[str, Any]:
    options = asking.take(fields, "options", dict, {})
    wishes: dict[str, Any] = {}
    for theirs, ours in _OPTIONS.items():
        number = asking.take_number(options, theirs)
        if number is not None and not (theirs in ("num_predict", "repeat_last_n", "seed") and number < 0):
            wishes[ours] = number
    if options.get("stop") is not None:
        wishes["stop"] = asking.take_texts(options, "stop")
    return wishes | _shape(fields.get("format")) | keep_alive(fields.get("keep_alive"))


def _shape(shape: Any) -> dict[str, Any]:
    if not shape:
        return {}
    if shape == "json":
        return {"json": True}
    if not isinstance(shape, dict):
        raise InvalidRequest("format must be json, or a JSON schema")
    return {"json_schema": shape}


def keep_alive(wish: Any) -> dict[str, int]:
    """Seconds, or a text such as 5m; negative means for ever, which is a year here."""
    if wish is None:
        return {}
    seconds = wish if isinstance(wish, int | float) and not isinstance(wish, bool) else _seconds(wish)
    return {"keep_alive_seconds": FOREVER_SECONDS if seconds < 0 else min(int(seconds), FOREVER_SECONDS)}


def _seconds(wish: Any) -> float:
    if isinstance(wish, str):
        text = wish.removeprefix("-")
        sign = -1 if wish.startswith("-") else 1
        if re.fullmatch(r"\d{1,9}", text):
            return sign * int(text)
        if text and _DURATION.sub("", text) == "":
            return sign * sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
    raise InvalidRequest("keep_alive must be a number of seconds, or a duration such as 5m")


def talk_of(fields: Fields) -> dict[str, Any]:
    tools = asking.take_objects(fields, "tools")
    talk: dict[str, Any] = {"tools": tools, "parallel_tool_calls": True} if tools else {}
    think = fields.get("think")
    return talk if think is not False else talk | {"reasoning": False}


def calls_of(answer: Answer) -> list[dict[str, Any]]:
    return [call_of(call) for call in answer.tool_calls]


def call_of(call: ToolCall) -> dict[str, Any]:
    """Ollama tells arguments as an object; one that was cut off is none."""
    try:
        arguments = call.parsed()
    except ValueError:
        arguments = {}
    return {"id": call.id, "function": {"name": call.name, "arguments": arguments}}


def end_of(reason: str, receipt: Receipt) -> dict[str, Any]:
    """Durations in nanoseconds."""
    milli = 1_000_000
    return {
        "done": True,
        "done_reason": "length" if reason in ("max_tokens", "context_full", "deadline") else "stop",
        "total_duration": (receipt.queue_ms + receipt.prefill_ms + receipt.decode_ms) * milli,
        "load_duration": receipt.load_ms * milli,
        "prompt_eval_count": receipt.num_prompt_tokens,
        "prompt_eval_duration": receipt.prefill_ms * milli,
        "eval_count": receipt.num_completion_tokens,
        "eval_duration": receipt.decode_ms * milli,
    }
