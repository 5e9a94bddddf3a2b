"""OpenAI's `/v1/chat/completions`.

Must be a translation and nothing more. Called by app.py.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from hob_client.errors import HobError
from hob_client.events import Answer, Delta, Event, ToolCallDelta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, openai_talk, telling
from hob_gateway.asking import Fields
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, gather_logged, route, streamed, treatment
from hob_gateway.telling import Manner, Pieces, Whole, sse

END = b"data: [DONE]\n\n"
#: They would change the answer; nothing here does that.
_REFUSED = ("audio", "functions", "function_call", "web_search_options", "prediction")


def routes(house: House) -> list[Route]:
    return [route(house, "/v1/chat/completions", complete, openai_shape)]


async def complete(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    wishes = _wishes(fields) | treatment(request)
    model = asking.take(fields, "model", str, "")
    events = house.client.chat(model, openai_talk.messages_of(fields), **wishes)
    head = _head(house, model)
    if asking.take(fields, "stream", bool, False):
        options = asking.take(fields, "stream_options", dict, {})
        has_usage = bool(options.get("include_usage"))
        return await streamed(
            house, request, events, lambda begun: _pieces(begun, head, has_usage=has_usage), MANNER
        )
    gathered = await telling.whole(request, gather_logged(house, events))
    if gathered is None:
        return None
    answer, logs = gathered
    return Whole(_completion(answer, logs, head))


def broken(error: HobError) -> bytes:
    return sse(openai_shape(error))


MANNER = Manner(media_type="text/event-stream", broken=broken, waiting=telling.WAITING)


def _wishes(fields: Fields) -> dict[str, Any]:
    asking.refuse(fields, _REFUSED)
    wishes = openai_talk.sampling_of(fields) | openai_talk.talk_of(fields)
    wishes |= openai_talk.shape_of(asking.take(fields, "response_format", dict))
    limit = asking.take_count(fields, "max_completion_tokens")
    limit = asking.take_count(fields, "max_tokens") if limit is None else limit
    if limit is not None:
        wishes["max_tokens"] = limit
    if asking.take(fields, "logprobs", bool, False):
        wishes["logprobs"] = asking.take_count(fields, "top_logprobs") or 0
    return wishes


def _head(house: House, model: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(house.now()),
        "model": model,
    }


# ------------------------------------------------------------- at once


def _completion(answer: Answer, logs: dict[int, list[Any]], head: dict[str, Any]) -> dict[str, Any]:
    answers = (answer, *answer.others)
    return head | {
        "model": answer.receipt.model or head["model"],
        "system_fingerprint": answer.receipt.engine_build,
        "choices": [
            {
                "index": index,
                "message": _message(one),
                "logprobs": openai_talk.logprobs_of(logs.get(index)),
                "finish_reason": openai_talk.FINISH.get(one.finish_reason, "stop"),
            }
            for index, one in enumerate(answers)
        ],
        "usage": openai_talk.usage_of(answer.receipt),
    }


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if answer.text or not answer.tool_calls else None,
        "refusal": None,
    }
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.tool_calls
        ]
    return message


# ------------------------------------------------------------- piece by piece


async def _pieces(events: AsyncGenerator[Event, None], head: dict[str, Any], *, has_usage: bool) -> Pieces:
    chunk = head | {"object": "chat.completion.chunk"}
    begun: set[int] = set()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Delta | ToolCallDelta):
                if event.answer not in begun:
                    begun.add(event.answer)
                    yield _chunk(chunk, event.answer, {"role": "assistant", "content": ""})
                logprobs = openai_talk.logprobs_of(event.logprobs)
                yield _chunk(chunk, event.answer, _delta(event), logprobs=logprobs)
            elif event.done is not None:
                for index, reason in openai_talk.reasons_of(event).items():
                    yield _chunk(chunk, index, {}, reason)
                if has_usage:
                    yield sse(chunk | {"choices": [], "usage": openai_talk.usage_of(event.done)})
    yield END


def _chunk(
    chunk: dict[str, Any],
    index: int,
    delta: dict[str, Any],
    reason: str | None = None,
    logprobs: dict[str, Any] | None = None,
) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
    return sse(chunk | {"choices": [choice]})


def _delta(event: Delta | ToolCallDelta) -> dict[str, Any]:
    if isinstance(event, Delta):
        return {"reasoning_content" if event.is_reasoning else "content": event.text}
    call: dict[str, Any] = {"index": event.index, "function": {"arguments": event.arguments}}
    if event.id:
        call |= {"id": event.id, "type": "function"}
        call["function"]["name"] = event.name
    return {"tool_calls": [call]}
