"""Anthropic's `/v1/messages`, whole and streamed, and `/v1/messages/count_tokens`.

Must be a translation and nothing more. Called by app.py.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from hob_client.errors import HobError, InvalidRequest
from hob_client.events import Answer, Delta, Done, Event, ToolCallDelta
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import anthropic_talk, asking, telling
from hob_gateway.faults import anthropic_shape
from hob_gateway.house import House, gather, route, streamed, treatment
from hob_gateway.telling import Manner, Pieces, Whole, sse


def routes(house: House) -> list[Route]:
    return [
        route(house, "/v1/messages", create, anthropic_shape),
        route(house, "/v1/messages/count_tokens", count, anthropic_shape),
    ]


async def create(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    if fields.get("max_tokens") is None:
        raise InvalidRequest("max_tokens is missing; say how many tokens the answer may have")
    wishes = anthropic_talk.wishes_of(fields) | treatment(request)
    model = asking.take(fields, "model", str, "")
    events = house.client.chat(model, anthropic_talk.messages_of(fields), **wishes)
    head = {"id": f"msg_{secrets.token_hex(12)}", "type": "message", "role": "assistant", "model": model}
    if asking.take(fields, "stream", bool, False):
        return await streamed(house, request, events, _Teller(head).pieces, MANNER)
    answer = await telling.whole(request, gather(house, events))
    return None if answer is None else Whole(_message(answer, head))


async def count(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    turns, talk = anthropic_talk.messages_of(fields), anthropic_talk.talk_of(fields)
    talk.pop("tool_choice", None)
    model = asking.take(fields, "model", str, "")
    rendered = await telling.whole(request, house.client.apply_template(model, turns, **talk))
    return None if rendered is None else Whole({"input_tokens": rendered.num_tokens})


def _broken(error: HobError) -> bytes:
    return sse(anthropic_shape(error), "error")


MANNER = Manner(media_type="text/event-stream", broken=_broken, waiting=sse({"type": "ping"}, "ping"))


def _message(answer: Answer, head: dict[str, Any]) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if answer.reasoning:
        blocks.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)}
        for call in answer.tool_calls
    ]
    return head | {
        "model": answer.receipt.model or head["model"],
        "content": blocks,
        "stop_reason": anthropic_talk.STOPS.get(answer.finish_reason, "end_turn"),
        "stop_sequence": None,
        "usage": anthropic_talk.usage_of(answer.receipt),
    }


def _arguments(call: Any) -> dict[str, Any]:
    """An answer that was cut off can end in the middle of a call."""
    try:
        parsed: dict[str, Any] = call.parsed()
    except ValueError:
        return {}
    return parsed


class _Teller:
    """One stream: blocks one after another, each opened, told and closed."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._head = head
        self._kind: tuple[str, int] | None = None  # of the open block; calls have a number
        self._index = -1

    async def pieces(self, events: AsyncGenerator[Event, None]) -> Pieces:
        usage = {"input_tokens": 0, "output_tokens": 0}  # told at the end, when they are known
        start = self._head | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        yield sse({"type": "message_start", "message": start}, "message_start")
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Delta) and event.text:
                    yield self._say_text(event)
                elif isinstance(event, ToolCallDelta):
                    yield self._say_call(event)
                elif isinstance(event, Done):
                    yield self._end(event)

    def _say_text(self, event: Delta) -> bytes:
        kind = "thinking" if event.is_reasoning else "text"
        opened = self._open(
            (kind, 0), {"type": kind, kind: ""} | ({"signature": ""} if kind == "thinking" else {})
        )
        return opened + self._delta({"type": f"{kind}_delta", kind: event.text})

    def _say_call(self, event: ToolCallDelta) -> bytes:
        block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        opened = self._open(("tool_use", event.index), block)
        return opened + self._delta({"type": "input_json_delta", "partial_json": event.arguments})

    def _open(self, kind: tuple[str, int], block: dict[str, Any]) -> bytes:
        if kind == self._kind:
            return b""
        closed = self._close()
        self._kind, self._index = kind, self._index + 1
        event = {"type": "content_block_start", "index": self._index, "content_block": block}
        return closed + sse(event, "content_block_start")

    def _delta(self, delta: dict[str, Any]) -> bytes:
        event = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return sse(event, "content_block_delta")

    def _close(self) -> bytes:
        if self._kind is None:
            return b""
        self._kind = None
        return sse({"type": "content_block_stop", "index": self._index}, "content_block_stop")

    def _end(self, done: Done) -> bytes:
        reason = anthropic_talk.STOPS.get(done.finish_reason, "end_turn")
        stop = (done.answers[0].stop or None) if done.answers else None
        told = {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": stop},
            "usage": anthropic_talk.usage_of(done.receipt),
        }
        return self._close() + sse(told, "message_delta") + sse({"type": "message_stop"}, "message_stop")
