"""Ollama's `/api/...`: chat, generate, embed, and what it tells about models.

Must be a translation and nothing more; models come and go with the owner's own hands, not from here.
Called by app.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from hob_client.errors import HobError, InvalidRequest, NotPermitted, NotSupported
from hob_client.events import Answer, AnswerBuilder, Delta, Done, Event
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import asking, ollama_models, ollama_talk, telling
from hob_gateway.asking import Fields
from hob_gateway.faults import ollama_shape
from hob_gateway.house import House, gather, need_manage, route, streamed, treatment
from hob_gateway.telling import Manner, Pieces, Whole, line

#: How a dialect puts text, reasoning and calls into a line.
Words = Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]
_MANAGED = ("/api/pull", "/api/push", "/api/create", "/api/copy")


def routes(house: House) -> list[Route]:
    managed = [route(house, path, refuse_managing, ollama_shape) for path in _MANAGED]
    return [
        route(house, "/api/chat", chat, ollama_shape),
        route(house, "/api/generate", generate, ollama_shape),
        *ollama_models.routes(house),
        *managed,
        route(house, "/api/delete", refuse_managing, ollama_shape, "DELETE"),
    ]


async def chat(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    model, turns = ollama_talk.model_of(fields), ollama_talk.messages_of(fields)
    if not turns:
        return await _warm(house, request, model, fields, _chat_words)
    wishes = ollama_talk.wishes_of(fields) | ollama_talk.talk_of(fields) | treatment(request)
    return await _answer(
        house, request, model, fields, house.client.chat(model, turns, **wishes), _chat_words
    )


async def generate(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    model, prompt = ollama_talk.model_of(fields), asking.take(fields, "prompt", str, "")
    if not prompt:
        return await _warm(house, request, model, fields, _text_words)
    if fields.get("template"):
        raise InvalidRequest("template is not supported; put one beside the model, or say raw")
    wishes = ollama_talk.wishes_of(fields) | treatment(request)
    events = _generating(house, model, prompt, fields, wishes)
    return await _answer(house, request, model, fields, events, _text_words)


def _generating(
    house: House, model: str, prompt: str, fields: Fields, wishes: dict[str, Any]
) -> AsyncGenerator[Event, None]:
    suffix = asking.take(fields, "suffix", str)
    if suffix:
        return house.client.infill(model, prompt, suffix, **wishes)
    if asking.take(fields, "raw", bool, False):
        return house.client.generate(model, prompt, **wishes)
    system = asking.take(fields, "system", str)
    turns: list[Any] = [{"role": "system", "content": system}] if system else []
    turns.append({"role": "user", "content": ollama_talk.with_images("the request", prompt, fields)})
    return house.client.chat(model, turns, **wishes, **ollama_talk.talk_of(fields))


async def _answer(
    house: House,
    request: Request,
    model: str,
    fields: Fields,
    events: AsyncGenerator[Event, None],
    words: Words,
) -> Response | None:
    head = {"model": model, "created_at": _now(house)}
    if asking.take(fields, "stream", bool, True):
        # Every line must be an answer: a piece of nothing says "still waiting".
        waiting = line(head | words("", "", []) | {"done": False})
        manner = Manner(media_type="application/x-ndjson", broken=_broken, waiting=waiting)
        return await streamed(house, request, events, lambda begun: _lines(begun, head, words), manner)
    answer = await telling.whole(request, gather(house, events))
    return None if answer is None else Whole(_whole(answer, head, words))


def _whole(answer: Answer, head: dict[str, Any], words: Words) -> dict[str, Any]:
    said = words(answer.text, answer.reasoning, ollama_talk.calls_of(answer))
    return head | said | ollama_talk.end_of(answer.finish_reason, answer.receipt)


async def _lines(events: AsyncGenerator[Event, None], head: dict[str, Any], words: Words) -> Pieces:
    """Calls are told whole, when they are complete."""
    builder = AnswerBuilder()
    async with aclosing(events):
        async for event in events:
            builder.add(event)
            if isinstance(event, Delta):
                text, thought = ("", event.text) if event.is_reasoning else (event.text, "")
                yield line(head | words(text, thought, []) | {"done": False})
            elif isinstance(event, Done):
                calls = ollama_talk.calls_of(builder.finish())
                if calls:
                    yield line(head | words("", "", calls) | {"done": False})
                yield line(head | words("", "", []) | ollama_talk.end_of(event.finish_reason, event.receipt))


def _chat_words(text: str, thought: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    message |= {"thinking": thought} if thought else {}
    return {"message": message | ({"tool_calls": calls} if calls else {})}


def _text_words(text: str, thought: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    return {"response": text} | ({"thinking": thought} if thought else {})


async def _warm(house: House, request: Request, model: str, fields: Fields, words: Words) -> Response:
    """Nothing to answer: Ollama's clients load a model so, and let it go with a keep-alive of nothing."""
    wish = ollama_talk.keep_alive(fields.get("keep_alive"))
    if wish.get("keep_alive_seconds") == 0:
        need_manage(request)
        await house.client.unload(model)
        reason = "unload"
    else:
        await _load(house, model, wish.get("keep_alive_seconds"))
        reason = "load"
    end = {"done": True, "done_reason": reason}
    return Whole({"model": model, "created_at": _now(house)} | words("", "", []) | end)


async def _load(house: House, model: str, keep_alive_seconds: int | None) -> None:
    """At a door that may not hold a model in memory, asking it for something has it loaded, too."""
    steps = house.client.load(model, keep_alive_seconds=keep_alive_seconds)
    try:
        async with aclosing(steps):
            async for _ in steps:
                pass
    except NotPermitted:
        await house.client.tokenize(model, "")


async def refuse_managing(house: House, request: Request) -> Response:
    need_manage(request)
    raise NotSupported(
        "the gateway cannot reach a network or write files; put models where `hob models` looks"
    )


def _broken(error: HobError) -> bytes:
    return line(ollama_shape(error))


def _now(house: House) -> str:
    return datetime.fromtimestamp(house.now(), UTC).isoformat().replace("+00:00", "Z")
