"""What `/v1/responses` takes and gives, as hob_client's words and OpenAI's items.

Must refuse what it cannot pass on. Called by openai_responses.py.
"""

from __future__ import annotations

from typing import Any

from hob_client.errors import InvalidRequest
from hob_client.events import Answer
from hob_client.requests import Message
from hob_client.values import Receipt, ToolCall

from hob_gateway import asking, openai_talk
from hob_gateway.asking import Fields
from hob_gateway.house import extras

_REFUSED = ("background", "conversation", "prompt")


def turns_of(fields: Fields) -> list[Message]:
    """The new turns: `input` is a text, or items."""
    given = fields.get("input", "")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    turns: list[Message] = []
    for number, item in enumerate(asking.take_objects(fields, "input")):
        _add(turns, f"input[{number}]", item)
    return turns


def _add(turns: list[Message], what: str, item: Fields) -> None:
    kind = item.get("type", "message")
    if kind == "message":
        turns += openai_talk.messages_of({"messages": [{k: item.get(k) for k in ("role", "content")}]})
    elif kind == "function_call":
        fields = {name: asking.take(item, name, str, "") for name in ("call_id", "name", "arguments")}
        call = ToolCall(id=fields["call_id"], name=fields["name"], arguments=fields["arguments"])
        if turns and turns[-1].get("tool_calls"):  # calls made together are one turn
            turns[-1]["tool_calls"] = (*turns[-1]["tool_calls"], call)
        else:
            turns.append({"role": "assistant", "content": "", "tool_calls": (call,)})
    elif kind == "function_call_output":
        call_id = asking.take(item, "call_id", str, "")
        turns.append({"role": "tool", "content": _output(what, item.get("output")), "tool_call_id": call_id})
    elif kind != "reasoning":
        raise InvalidRequest(f"{what}.type must be message, function_call or function_call_output")


def _output(what: str, output: Any) -> str:
    if isinstance(output, str):
        return output
    parts = output if isinstance(output, list) else [None]
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    if len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"{what}.output must be text, or a list of parts of text")
    return "\n".join(map(str, texts))


def wishes_of(fields: Fields) -> dict[str, Any]:
    asking.refuse(fields, _REFUSED)
    wishes: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        if (number := asking.take_number(fields, name)) is not None:
            wishes[name] = number
    if (limit := asking.take_count(fields, "max_output_tokens")) is not None:
        wishes["max_tokens"] = limit
    effort = asking.take(fields, "reasoning", dict, {}).get("effort")
    talk = openai_talk.talk_of({**fields, "reasoning_effort": effort})
    shape = asking.take(asking.take(fields, "text", dict, {}), "format", dict)
    return wishes | talk | openai_talk.shape_of(shape) | extras(fields)


def body_of(name: str, created: int, model: str, fields: Fields) -> dict[str, Any]:
    """A response that has just begun."""
    echoed: dict[str, Any] = {
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "max_output_tokens": None,
    }
    head = {"id": name, "object": "response", "created_at": created, "model": model, "status": "in_progress"}
    rest: dict[str, Any] = {"error": None, "incomplete_details": None, "output": [], "usage": None}
    return head | rest | {key: fields.get(key, value) for key, value in echoed.items()}


def items_of(name: str, answer: Answer) -> list[dict[str, Any]]:
    items = []
    if answer.reasoning:
        items.append(reasoning_item(f"rs_{name}", answer.reasoning))
    if answer.text or not answer.tool_calls:
        items.append(message_item(f"msg_{name}", answer.text))
    return items + [call_item(call) for call in answer.tool_calls]


def message_item(name: str, text: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [text_part(text)],
    }


def text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def reasoning_item(name: str, text: str) -> dict[str, Any]:
    return {
        "id": name,
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": text}],
    }


def call_item(call: ToolCall) -> dict[str, Any]:
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def ended(
    body: dict[str, Any], output: list[dict[str, Any]], reason: str, receipt: Receipt
) -> dict[str, Any]:
    is_cut = reason in ("max_tokens", "context_full", "deadline")
    return body | {
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "model": receipt.model or body["model"],
        "output": output,
        "usage": {
            "input_tokens": receipt.num_prompt_tokens,
            "input_tokens_details": {"cached_tokens": receipt.num_cached_tokens, "cache_write_tokens": 0},
            "output_tokens": receipt.num_completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": receipt.num_prompt_tokens + receipt.num_completion_tokens,
        },
    }
