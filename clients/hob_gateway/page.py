"""The web page: fixed files of this package.

Must load nothing from elsewhere, and be of no use without a token. Called by app.py.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hob_gateway.faults import openai_shape
from hob_gateway.guard import WEB_FILES
from hob_gateway.house import House, route

_KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    **{f"/web/{name}": (name, _KINDS[name.rpartition(".")[2]]) for name in WEB_FILES},
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
    return [route(house, path, _file(*told), openai_shape, "GET") for path, told in _FILES.items()]


def _file(name: str, kind: str) -> Any:
    content = files(__package__).joinpath("web", name).read_bytes()

    async def answer(house: House, request: Request) -> Response:
        return Response(content, media_type=None, headers=_HEADERS | {"content-type": kind})

    return answer
