"""The web page: fixed files of this package, and the little that only the page asks for.

Must load nothing from elsewhere, and be of no use without a token. Called by app.py.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway.faults import openai_shape
from hob_gateway.house import House, route
from hob_gateway.telling import Whole

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/web/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/web/chat.js": ("chat.js", "text/javascript; charset=utf-8"),
    "/web/markdown.js": ("markdown.js", "text/javascript; charset=utf-8"),
    "/web/style.css": ("style.css", "text/css; charset=utf-8"),
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
}


def routes(house: House) -> list[Route]:
    fixed = [route(house, path, _file(*told), openai_shape, "GET") for path, told in _FILES.items()]
    return [*fixed, route(house, "/hob/status", status, openai_shape, "GET")]


def _file(name: str, kind: str) -> Any:
    content = files(__package__).joinpath("web", name).read_bytes()

    async def answer(house: House, request: Request) -> Response:
        return Response(content, media_type=None, headers=_HEADERS | {"content-type": kind})

    return answer


async def status(house: House, request: Request) -> Response:
    """Who is in memory, and how much there is: numbers and names of models."""
    told = await house.client.status()
    return Whole(
        {
            "version": told.version,
            "confinement": {"daemon": told.confinement, "gateway": house.confinement},
            "memory": [
                {"device": one.device, "budget_bytes": one.budget_bytes, "free_bytes": one.free_bytes}
                for one in told.memory
            ],
            "residents": [
                {
                    "model": one.model,
                    "residency": one.residency,
                    "resident_bytes": one.resident_bytes,
                    "num_running": one.num_running,
                    "num_queued": one.num_queued,
                    "used_cells": one.used_cells,
                    "total_cells": one.total_cells,
                    "pinned": one.pinned,
                    "sandbox": one.sandbox,
                }
                for one in told.residents
            ],
            "loading": list(told.loading_models),
        }
    )
