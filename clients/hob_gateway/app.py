"""The application: every dialect's routes behind one guard.

Must add nothing that a dialect should know. Called by server.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from hob_client.errors import HobError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from hob_gateway import (
    anthropic,
    llama_server,
    ollama,
    openai_chat,
    openai_completions,
    openai_models,
    openai_responses,
    openapi,
    page,
    picture,
    telling,
)
from hob_gateway.faults import openai_shape
from hob_gateway.guard import Guard
from hob_gateway.house import House
from hob_gateway.origins import Names
from hob_gateway.records import Record
from hob_gateway.tokens import TokenBook

DIALECTS = (
    page,
    picture,
    openapi,
    openai_chat,
    openai_completions,
    openai_models,
    openai_responses,
    anthropic,
    ollama,
    llama_server,
)


def build(
    house: House,
    *,
    names: Names,
    book: TokenBook,
    rate: int,
    record: Callable[[Record], None] = lambda record: None,
) -> ASGIApp:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        yield
        await house.close()

    routes = [route for dialect in DIALECTS for route in dialect.routes(house)]
    handlers = {404: _nothing_here, 405: _nothing_here, Exception: _bug}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    return Guard(app, names=names, book=book, metrics=house.metrics, rate=rate, record=record)


async def _nothing_here(request: Request, error: Exception) -> Response:
    return telling.Whole(
        {"error": {"message": "this gateway has nothing at that path", "type": "not_found"}}, 404
    )


async def _bug(request: Request, error: Exception) -> Response:
    """Its words could quote a prompt, and are told to nobody."""
    fault = HobError(f"this is a bug of the gateway ({type(error).__name__}); please report it")
    return telling.fault(fault, openai_shape)
