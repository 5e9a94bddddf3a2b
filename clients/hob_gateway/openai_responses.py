"""OpenAI's `/v1/responses`: whole and streamed, with `previous_response_id` in memory.

Must be a translation and nothing more; what is remembered is in remembered.py. Called by app.py.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any

from hob_client.errors import HobError
from hob_client.events import Answer, AnswerBuilder, Delta, Done, Event, ToolCallDelta
from hob_client.values import ToolCall
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, responses_talk, telling
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, gather, route, streamed, treatment
from hob_gateway.remembered import Remembered
from hob_gateway.telling import Manner, Pieces, Whole, sse


def routes(house: House) -> list[Route]:
    remembered = Remembered()

    async def create_one(house: House, request: Request) -> Response | None:
        return await create(house, request, remembered)

    async def delete_one(house: House, request: Request) -> Response:
        name = request.path_params["name"]
        was_there = remembered.forget(request.scope["state"]["token"].name, name)
        return Whole({"id": name, "object": "response.deleted", "deleted": was_there})

    return [
        route(house, "/v1/responses", create_one, openai_shape),
        route(house, "/v1/responses/{name}", delete_one, openai_shape, "DELETE"),
    ]


async def create(house: House, request: Request, remembered: Remembered) -> Response | None:
    fields = await asking.read_fields(request)
    wishes = responses_talk.wishes_of(fields) | treatment(request)
    token, now = request.scope["state"]["token"].name, house.now()
    model, name = asking.take(fields, "model", str, ""), secrets.token_hex(16)
    previous = asking.take(fields, "previous_response_id", str)
    turns = remembered.recall(token, previous, now) if previous else []
    turns += responses_talk.turns_of(fields)
    instructions = asking.take(fields, "instructions", str)  # of this response only
    asked: list[Any] = [{"role": "system", "content": instructions}] if instructions else []
    events = house.client.chat(model, [*asked, *turns], **wishes)
    body = responses_talk.body_of(f"resp_{name}", int(now), model, fields)

    def keep(answer: Answer) -> None:
        if asking.take(fields, "store", bool, True):
            remembered.keep(token, body["id"], [*turns, answer.message], house.now())

    if asking.take(fields, "stream", bool, False):
        return await streamed(house, request, events, _Teller(body, keep).pieces, MANNER)
    answer = await telling.whole(request, gather(house, events))
    if answer is None:
        return None
    keep(answer)
    output = responses_talk.items_of(name, answer)
    return Whole(responses_talk.ended(body, output, answer.finish_reason, answer.receipt))


def _broken(error: HobError) -> bytes:
    told = openai_shape(error)["error"]
    return sse({"type": "error", "code": told["code"], "message": told["message"], "param": None}, "error")


MANNER = Manner(media_type="text/event-stream", broken=_broken, waiting=telling.WAITING)


class _Teller:
    """One stream: items one after another, each added, told and done; every event has a number."""

    def __init__(self, body: dict[str, Any], keep: Callable[[Answer], None]) -> None:
        self._body = body
        self._keep = keep
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._kind: tuple[str, int] | None = None  # of the open item; calls have a number
        self._text: list[str] = []
        self._call: ToolCallDelta | None = None
        self._builder = AnswerBuilder()

    async def pieces(self, events: AsyncGenerator[Event, None]) -> Pieces:
        yield self._say("response.created", response=self._body)
        yield self._say("response.in_progress", response=self._body)
        async with aclosing(events):
            async for event in events:
                self._builder.add(event)
                for piece in self._tell(event):
                    yield piece

    def _tell(self, event: Event) -> Iterator[bytes]:
        if isinstance(event, Delta) and event.text:
            kind = "reasoning" if event.is_reasoning else "message"
            yield from self._open((kind, 0))
            self._text.append(event.text)
            yield self._in_item(_DELTAS[kind], delta=event.text, content_index=0)
        elif isinstance(event, ToolCallDelta):
            if self._kind != ("call", event.index):
                yield from self._close()
                self._call = event
            yield from self._open(("call", event.index))
            self._text.append(event.arguments)
            yield self._in_item("response.function_call_arguments.delta", delta=event.arguments)
        elif isinstance(event, Done):
            if not self._output and self._kind is None:
                yield from self._open(("message", 0))  # an answer without a word is a message still
            yield from self._close()
            self._keep(self._builder.finish())
            ended = responses_talk.ended(self._body, self._output, event.finish_reason, event.receipt)
            yield self._say(f"response.{ended['status']}", response=ended)

    def _open(self, kind: tuple[str, int]) -> Iterator[bytes]:
        if kind == self._kind:
            return
        yield from self._close()
        self._kind = kind
        item = self._item("")
        item |= {"content": []} if kind[0] == "message" else {}
        item["status"] = "in_progress"
        yield self._say("response.output_item.added", output_index=len(self._output), item=item)
        if kind[0] == "message":
            part = responses_talk.text_part("")
            yield self._in_item("response.content_part.added", content_index=0, part=part)

    def _close(self) -> Iterator[bytes]:
        if self._kind is None:
            return
        kind, text = self._kind[0], "".join(self._text)
        item = self._item(text)
        if kind == "message":
            yield self._in_item("response.output_text.done", content_index=0, text=text, logprobs=[])
            part = responses_talk.text_part(text)
            yield self._in_item("response.content_part.done", content_index=0, part=part)
        elif kind == "call":
            yield self._in_item("response.function_call_arguments.done", arguments=text, name=item["name"])
        else:
            yield self._in_item("response.reasoning_text.done", content_index=0, text=text)
        yield self._say("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        self._kind, self._call = None, None
        self._text.clear()

    def _item(self, text: str) -> dict[str, Any]:
        """The open item, with what was said so far."""
        name = f"{len(self._output)}_{self._body['id']}"
        if self._call is not None:
            call = ToolCall(id=self._call.id, name=self._call.name, arguments=text)
            return responses_talk.call_item(call)
        if self._kind is not None and self._kind[0] == "reasoning":
            return responses_talk.reasoning_item(f"rs_{name}", text)
        return responses_talk.message_item(f"msg_{name}", text)

    def _in_item(self, kind: str, **fields: Any) -> bytes:
        place = {"output_index": len(self._output), "item_id": self._item("")["id"]}
        if kind == "response.output_text.delta":
            fields["logprobs"] = []
        return self._say(kind, **place, **fields)

    def _say(self, kind: str, **fields: Any) -> bytes:
        number, self._number = self._number, self._number + 1
        return sse({"type": kind, "sequence_number": number, **fields}, kind)


_DELTAS = {"message": "response.output_text.delta", "reasoning": "response.reasoning_text.delta"}
