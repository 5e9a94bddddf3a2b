"""llama-server's own paths: gaps, raw text, tokens, rerank, health, metrics.

Must be a translation and nothing more; `/health` tells strangers only that it is there. Called by app.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from hob_client.errors import HobError, InvalidRequest
from hob_client.events import Answer, Event
from hob_client.values import Ranking, Receipt
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hob_gateway import asking, openai_talk, telling
from hob_gateway.asking import Fields
from hob_gateway.faults import openai_shape
from hob_gateway.house import House, gather, route, streamed, treatment
from hob_gateway.telling import Manner, Pieces, Whole, sse

_KINDS = {"eos": "eos", "stop": "word", "max_tokens": "limit", "context_full": "limit", "deadline": "limit"}


def routes(house: House) -> list[Route]:
    post = {
        "/infill": infill,
        "/completion": complete,
        "/tokenize": tokenize,
        "/detokenize": detokenize,
        "/apply-template": apply_template,
        "/rerank": rerank,
        "/v1/rerank": rerank,
    }
    return [
        *(route(house, path, handler, openai_shape) for path, handler in post.items()),
        route(house, "/health", health, openai_shape, "GET"),
        route(house, "/metrics", metrics, openai_shape, "GET"),
    ]


async def infill(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    prefix = asking.take(fields, "input_prefix", str, "") + asking.take(fields, "prompt", str, "")
    others = {
        asking.take(file, "filename", str, f"file{number}"): asking.take(file, "text", str, "")
        for number, file in enumerate(asking.take_objects(fields, "input_extra"))
    }
    suffix = asking.take(fields, "input_suffix", str, "")
    wishes = _wishes(fields) | treatment(request)
    events = house.client.infill(_model(fields), prefix, suffix, context_files=others, **wishes)
    return await _answer(house, request, fields, events)


async def complete(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    prompt = fields.get("prompt", "")
    if not isinstance(prompt, str | list):
        raise InvalidRequest("prompt must be text, or a list of tokens")
    wishes = _wishes(fields) | treatment(request)
    return await _answer(house, request, fields, house.client.generate(_model(fields), prompt, **wishes))


async def tokenize(house: House, request: Request) -> Response:
    fields = await asking.read_fields(request)
    special = {
        "add_special": asking.take(fields, "add_special", bool, False),
        "parse_special": asking.take(fields, "parse_special", bool, True),
    }
    ids = await house.client.tokenize(_model(fields), asking.take(fields, "content", str, ""), **special)
    return Whole({"tokens": ids})


async def detokenize(house: House, request: Request) -> Response:
    fields = await asking.read_fields(request)
    ids = asking.take(fields, "tokens", list, [])
    return Whole({"content": await house.client.detokenize(_model(fields), ids)})


async def apply_template(house: House, request: Request) -> Response:
    fields = await asking.read_fields(request)
    rendered = await house.client.apply_template(_model(fields), openai_talk.messages_of(fields))
    return Whole({"prompt": rendered.prompt})


async def rerank(house: House, request: Request) -> Response | None:
    fields = await asking.read_fields(request)
    documents = asking.take_texts(fields, "documents")
    ranking = await telling.whole(
        request,
        house.client.rerank(
            _model(fields),
            asking.take(fields, "query", str, ""),
            documents,
            top_n=asking.take_count(fields, "top_n"),
            **treatment(request),
        ),
    )
    if ranking is None:
        return None
    house.count(ranking.receipt)
    return Whole(_ranked(ranking))


def _ranked(ranking: Ranking) -> dict[str, Any]:
    count = ranking.receipt.num_prompt_tokens
    return {
        "model": ranking.receipt.model,
        "object": "list",
        "usage": {"prompt_tokens": count, "total_tokens": count},
        "results": [{"index": one.document, "relevance_score": one.score} for one in ranking.ranking],
    }


async def health(house: House, request: Request) -> Response:
    return Whole({"status": "ok"})


async def metrics(house: House, request: Request) -> Response:
    return PlainTextResponse(house.metrics.text(), media_type="text/plain; version=0.0.4")


def _model(fields: Fields) -> str:
    """llama-server has one model, and its clients seldom name it."""
    name: str = asking.take(fields, "model", str, "")
    return name


def _wishes(fields: Fields) -> dict[str, Any]:
    wishes = openai_talk.sampling_of(fields)
    limit = asking.take_number(fields, "n_predict")
    if limit is not None and limit >= 0:
        wishes["max_tokens"] = asking.take_count(fields, "n_predict")
    if asking.take(fields, "ignore_eos", bool, False):
        wishes["ignore_eos"] = True
    schema = asking.take(fields, "json_schema", dict)
    return wishes | ({"json_schema": schema} if schema else {})


async def _answer(
    house: House, request: Request, fields: Fields, events: AsyncGenerator[Event, None]
) -> Response | None:
    if asking.take(fields, "stream", bool, False):
        return await streamed(house, request, events, _pieces, MANNER)
    answer = await telling.whole(request, gather(house, events))
    return None if answer is None else Whole(_completion(answer))


def _broken(error: HobError) -> bytes:
    return sse(openai_shape(error))


MANNER = Manner(media_type="text/event-stream", broken=_broken, waiting=telling.WAITING)


def _completion(answer: Answer) -> dict[str, Any]:
    return {"content": answer.text, **_end(answer.finish_reason, answer.receipt)}


def _end(reason: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "stop": True,
        "model": receipt.model,
        "stop_type": _KINDS.get(reason, "none"),
        "truncated": receipt.truncated,
        "tokens_evaluated": receipt.num_prompt_tokens,
        "tokens_cached": receipt.num_cached_tokens,
        "tokens_predicted": receipt.num_completion_tokens,
        "timings": {"prompt_ms": receipt.prefill_ms, "predicted_ms": receipt.decode_ms},
    }


async def _pieces(events: AsyncGenerator[Event, None]) -> Pieces:
    async with aclosing(events):
        async for event in events:
            if event.kind == "delta":
                yield sse({"content": event.text, "stop": False})
            elif event.done is not None:
                reason = getattr(event, "finish_reason", "")
                yield sse({"content": "", **_end(reason, event.done)})
