"""OpenAI's words for a conversation, tools, shapes and parameters, as hob_client's.

Must refuse what it cannot pass on, and fetch nothing. Called by openai_chat.py and openai_responses.py.
"""

from __future__ import annotations

from typing import Any

from hob_client.errors import InvalidRequest
from hob_client.events import Event
from hob_client.requests import Message
from hob_client.values import Media, Receipt, TokenLogprob

from hob_gateway import asking
from hob_gateway.asking import Fields
from hob_gateway.house import extras, given

FINISH = {
    "eos": "stop",
    "stop": "stop",
    "max_tokens": "length",
    "context_full": "length",
    "deadline": "length",
    "tool_calls": "tool_calls",
}
MAX_LOGPROBS = 20
_ROLES = {"developer": "system"}
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


def messages_of(fields: Fields) -> list[Message]:
    turns = asking.take_objects(fields, "messages")
    return [_message(f"messages[{number}]", turn) for number, turn in enumerate(turns)]


def _message(what: str, turn: Fields) -> Message:
    role = asking.take(turn, "role", str, "")
    message: Message = {"role": _ROLES.get(role, role), "content": _content(what, turn.get("content"))}
    for name in ("name", "tool_call_id"):
        if turn.get(name) is not None:
            message[name] = asking.take(turn, name, str)
    if turn.get("reasoning_content"):
        message["reasoning"] = asking.take(turn, "reasoning_content", str)
    if turn.get("tool_calls"):
        message["tool_calls"] = asking.take_objects(turn, "tool_calls")
    return message


def _content(what: str, content: Any) -> str | list[str | Media]:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise InvalidRequest(f"{what}.content must be text, or a list of parts")
    return [_part(f"{what}.content[{number}]", part) for number, part in enumerate(content)]


def _part(what: str, part: Fields) -> str | Media:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text", "refusal"):
        text: str = asking.take(part, "refusal" if kind == "refusal" else "text", str, "")
        return text
    if kind == "image_url":
        image = part.get("image_url")
        return asking.file_of_url(image.get("url") if isinstance(image, dict) else image, what)
    if kind == "input_image":
        return asking.file_of_url(part.get("image_url"), what)
    if kind == "input_audio":
        sound = asking.take(part, "input_audio", dict, {})
        return asking.file_of(sound.get("data"), f"{what}.input_audio.data")
    raise InvalidRequest(f"{what}.type must be text, image_url or input_audio")


def talk_of(fields: Fields) -> dict[str, Any]:
    """Tools, and whether to think aloud."""
    tools = [
        _tool(f"tools[{number}]", tool) for number, tool in enumerate(asking.take_objects(fields, "tools"))
    ]
    talk: dict[str, Any] = {}
    if tools:
        talk = {"tools": tools, "parallel_tool_calls": asking.take(fields, "parallel_tool_calls", bool, True)}
        talk["tool_choice"] = _choice(fields.get("tool_choice"))
    effort = asking.take(fields, "reasoning_effort", str)
    if effort in ("none", "minimal"):
        talk["reasoning"] = False
    arguments = asking.take(fields, "chat_template_kwargs", dict)
    return talk | ({"template_arguments": arguments} if arguments else {})


def _tool(what: str, tool: Fields) -> Fields:
    """Nested as chat completions have it, or flat as responses do."""
    if tool.get("type", "function") != "function":
        raise InvalidRequest(f"{what}.type must be function; the gateway runs no tools of its own")
    inner = tool.get("function", tool)
    if not isinstance(inner, dict):
        raise InvalidRequest(f"{what}.function must be an object")
    return {
        name: inner[name] for name in ("name", "description", "parameters") if inner.get(name) is not None
    }


def _choice(choice: Any) -> str:
    if choice is None or choice in ("auto", "none", "required"):
        return choice or "auto"
    inner = choice.get("function", choice) if isinstance(choice, dict) else None
    if isinstance(inner, dict) and isinstance(inner.get("name"), str):
        name: str = inner["name"]
        return name
    raise InvalidRequest("tool_choice must be auto, none, required or the name of a function")


def shape_of(shape: Fields | None) -> dict[str, Any]:
    """`response_format`, or `text.format` of responses."""
    kind = (shape or {}).get("type", "text")
    if shape is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"json": True}
    if kind != "json_schema":
        raise InvalidRequest("response_format.type must be text, json_object or json_schema")
    schema = asking.take(shape, "json_schema", dict, shape).get("schema")
    if not isinstance(schema, dict):
        raise InvalidRequest("response_format.json_schema.schema must be an object")
    return {"json_schema": schema}


def sampling_of(fields: Fields) -> dict[str, Any]:
    """How to choose tokens, by the daemon's names."""
    chosen = {name: asking.take_number(fields, name) for name in _SAMPLING}
    chosen["num_answers"] = asking.take_count(fields, "n")
    wishes: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    if fields.get("stop") is not None:
        wishes["stop"] = asking.take_texts(fields, "stop")
    bias = asking.take(fields, "logit_bias", dict)
    if bias:
        wishes["logit_bias"] = _bias(bias)
    return wishes | extras(fields) | given(fields, {"grammar": "gbnf"})


def _bias(bias: Fields) -> dict[int, Any]:
    try:
        return {int(token): value for token, value in bias.items()}
    except ValueError:
        raise InvalidRequest("logit_bias must be an object of token ids and numbers") from None


def usage_of(receipt: Receipt) -> dict[str, Any]:
    return {
        "prompt_tokens": receipt.num_prompt_tokens,
        "completion_tokens": receipt.num_completion_tokens,
        "total_tokens": receipt.num_prompt_tokens + receipt.num_completion_tokens,
        "prompt_tokens_details": {"cached_tokens": receipt.num_cached_tokens},
    }


def logprob(one: TokenLogprob) -> dict[str, Any]:
    return {
        "token": one.token.decode(errors="replace"),
        "logprob": one.logprob,
        "bytes": list(one.token),
        "top_logprobs": [
            {"token": top.token.decode(errors="replace"), "logprob": top.logprob, "bytes": list(top.token)}
            for top in one.top
        ],
    }


def logprobs_of(ones: Any) -> dict[str, Any] | None:
    return {"content": [logprob(one) for one in ones], "refusal": None} if ones else None


def reasons_of(event: Event) -> dict[int, str]:
    """Why each answer ended, as OpenAI says it."""
    return {end.answer: FINISH.get(end.finish_reason, "stop") for end in getattr(event, "answers", ())}
