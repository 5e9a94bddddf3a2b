"""What every dialect shares: the connection to the door, counts, and what a request says about itself.

Must know no dialect. Built by app.py, used by every dialect.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from hob_client.async_client import AsyncClient
from hob_client.errors import HobError, NotPermitted
from hob_client.events import Answer, AnswerBuilder, Event
from hob_client.values import Receipt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway import faults, records, telling
from hob_gateway.asking import Fields
from hob_gateway.metrics import Metrics

Handler = Callable[["House", Request], Any]
#: Sampling that servers of llama.cpp have made usual, by the daemon's own names.
EXTRAS = ("top_k", "min_p", "typical_p", "repeat_penalty", "dry", "xtc", "mirostat", "loras")


@dataclass(slots=True)
class House:
    socket: str
    door: str = ""  # its name, where that is known
    url: str = ""
    keep_alive_seconds: float = 10.0
    metrics: Metrics = field(default_factory=Metrics)
    confinement: str = "none"
    now: Callable[[], float] = time.time
    _client: AsyncClient | None = None

    @property
    def client(self) -> AsyncClient:
        """The one connection; made in the loop that uses it."""
        if self._client is None:
            self._client = AsyncClient(self.socket, start=False)
        return self._client

    def count(self, receipt: Receipt) -> None:
        self.metrics.count_receipt(receipt)
        record = records.under_way.get()
        if record is not None:
            record.receipt = receipt

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def route(house: House, path: str, handler: Handler, shape: faults.Shape, *methods: str) -> Route:
    """A route whose errors come in the dialect's shape, and whose answers are counted."""

    async def answer(request: Request) -> Response:
        if (record := records.under_way.get()) is not None:
            record.route = path
        house.metrics.num_under_way += 1
        try:
            response: Response | None = await handler(house, request)
        except HobError as error:
            response = telling.fault(error, shape)
        finally:
            house.metrics.num_under_way -= 1
        response = response or Response(status_code=499)  # nobody reads it
        house.metrics.count_answer(path, response.status_code)
        return response

    return Route(path, answer, methods=list(methods) or ["POST"])


async def streamed(
    house: House,
    request: Request,
    events: AsyncGenerator[Event, None],
    pieces: Callable[[AsyncGenerator[Event, None]], telling.Pieces],
    manner: telling.Manner,
) -> Response | None:
    """The answer piece by piece; None if who asked is gone before it begins."""
    patience = house.keep_alive_seconds
    begun = await telling.whole(request, telling.begun(counted(house, events), patience))
    return None if begun is None else telling.Stream(pieces(begun), begun, manner, patience)


def treatment(request: Request) -> dict[str, Any]:
    """Each token has cached prefixes of its own: to the daemon all of them are one caller."""
    token = request.scope["state"]["token"]
    return {"cache_domain": f"gateway:{token.name}"}


def need_manage(request: Request) -> None:
    token = request.scope["state"]["token"]
    if "manage" not in token.scopes:
        raise NotPermitted(f"the token {token.name!r} may infer only; add one with --scope manage")


def given(fields: Fields, names: Mapping[str, str]) -> dict[str, Any]:
    """The fields that are there, by the daemon's names."""
    return {ours: fields[theirs] for theirs, ours in names.items() if fields.get(theirs) is not None}


def extras(fields: Fields) -> dict[str, Any]:
    return given(fields, {name: name for name in EXTRAS})


async def counted(house: House, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events; tokens are counted when they are done."""
    async with aclosing(events):
        async for event in events:
            if event.done is not None:
                house.count(event.done)
            yield event


async def gather(house: House, events: AsyncGenerator[Event, None]) -> Answer:
    builder = AnswerBuilder()
    async with aclosing(events):
        async for event in counted(house, events):
            builder.add(event)
    return builder.finish()


async def gather_logged(
    house: House, events: AsyncGenerator[Event, None]
) -> tuple[Answer, dict[int, list[Any]]]:
    """The answers, and the log-probabilities of each: deltas have them, answers do not."""
    builder, logs = AnswerBuilder(), dict[int, list[Any]]()
    async with aclosing(counted(house, events)) as all_events:
        async for event in all_events:
            builder.add(event)
            if event.kind in ("delta", "tool_call"):
                logs.setdefault(event.answer, []).extend(event.logprobs)
    return builder.finish(), logs
