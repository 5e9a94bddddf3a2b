"""Stands before every request: who asks, by which name, from which page, how often, how much.

Must let nothing through that was not named, and never tell which part of a token was wrong.
The outermost layer of the application; built by app.py.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hob_gateway import records, tokens
from hob_gateway.metrics import Metrics
from hob_gateway.origins import Names
from hob_gateway.pace import Pace
from hob_gateway.records import Record

MAX_BODY_BYTES = 20 << 20  # 12 MiB of images as base64, and a conversation
DEFAULT_RATE = 50  # requests a second, of one token
AT_ONCE = 64  # requests under way, of one token
WEB_FILES = ("app.js", "chat.js", "files.js", "house.js", "made.js", "markdown.js", "style.css")
#: What needs no token: a page of fixed text, and whether there is a gateway at all.
OPEN_PATHS = frozenset(("/", "/health", "/openapi.json", *(f"/web/{name}" for name in WEB_FILES)))
_STRANGERS = ""  # the name by which those without a token are paced

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
_CORS_HEADERS = "authorization, content-type, x-api-key, anthropic-version, anthropic-beta"


class _Refusal(Exception):
    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class Guard:
    """An ASGI layer. Puts the token that asks into the scope, as `state["token"]`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: Names,
        book: tokens.TokenBook,
        metrics: Metrics,
        rate: int = DEFAULT_RATE,
        record: Callable[[Record], None] = lambda record: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._names = names
        self._book = book
        self._metrics = metrics
        self._callers = Pace(per_second=rate, burst=4 * rate, at_once=AT_ONCE)
        self._strangers = Pace(per_second=rate / 10, burst=max(20, rate), at_once=AT_ONCE)
        self._record = record
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets
            return
        headers = Headers(scope=scope)
        record = Record(
            method=records.method_of(scope["method"]),
            began_at=self._now(),
            parent=records.parent_of(headers.get("traceparent", "")),
        )
        began = time.perf_counter()
        records.under_way.set(record)
        try:
            await self._answer(scope, headers, receive, send, record, began)
        finally:
            record.took_ms = (time.perf_counter() - began) * 1000
            self._record(record)

    async def _answer(
        self, scope: Scope, headers: Headers, receive: Receive, send: Send, record: Record, began: float
    ) -> None:
        origin = headers.get("origin")
        named = origin if origin in self._names.named else None
        answer = _watched(send, named, record, began)
        try:
            self._check_names(headers)
            if scope["method"] == "OPTIONS":
                await _preflight(answer, is_named=origin in self._names.named)
                return
            _check_size(headers)
            await self._admit(scope, headers, receive, answer, record)
        except _Refusal as refusal:
            self._metrics.count_refusal(refusal.status)
            await _refuse(answer, scope["path"], refusal)

    def _check_names(self, headers: Headers) -> None:
        if len(headers.getlist("host")) != 1 or not self._names.allows_host(headers["host"]):
            raise _Refusal(421, "this gateway does not answer to that Host; name it with --host")
        if len(headers.getlist("origin")) > 1 or not self._names.allows_origin(headers.get("origin")):
            raise _Refusal(403, "pages of that Origin may not ask this gateway; name it with --origin")

    async def _admit(
        self, scope: Scope, headers: Headers, receive: Receive, send: Send, record: Record
    ) -> None:
        is_open = scope["path"] in OPEN_PATHS and scope["method"] in ("GET", "HEAD")
        token = None if is_open else self._identify(headers)
        record.token = token.name if token else "-"
        pace, name = (self._callers, token.name) if token else (self._strangers, _STRANGERS)
        wait = pace.enter(name, self._now()) if token or is_open else 0.0
        if wait:
            raise _Refusal(429, f"too many requests; ask again in {math.ceil(wait)} s", wait)
        scope.setdefault("state", {})["token"] = token
        try:
            await self._app(scope, receive, send)
        finally:
            pace.leave(name)

    def _identify(self, headers: Headers) -> tokens.Token:
        """The token that asks. Wrong ones are paced together, however many ask."""
        secret = _secret(headers)
        token = tokens.find(self._book.tokens(), secret, self._now()) if secret else None
        if token is not None:
            return token
        wait = self._strangers.enter(_STRANGERS, self._now())
        if wait:
            raise _Refusal(429, "too many requests without a valid token; ask again later", wait)
        self._strangers.leave(_STRANGERS)
        raise _Refusal(401, "a valid token is needed; make one with `hob gateway token add NAME`")


def _secret(headers: Headers) -> str:
    """Where OpenAI's and Ollama's clients put it, or Anthropic's."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")


def _check_size(headers: Headers) -> None:
    """What the body says of itself; asking.py counts what comes."""
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > MAX_BODY_BYTES:
        raise _Refusal(413, f"the body must have at most {MAX_BODY_BYTES} bytes; send less at once")


def _watched(send: Send, named: str | None, record: Record, began: float) -> Send:
    """The same `send`, with our headers, and counted."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.body":
            record.num_bytes += len(message.get("body", b""))
            if record.first_ms is None:
                record.first_ms = (time.perf_counter() - began) * 1000
        elif message["type"] == "http.response.start":
            record.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if named is not None:
                headers["access-control-allow-origin"] = named
                headers["cross-origin-resource-policy"] = "cross-origin"
                headers.append("vary", "Origin")
        await send(message)

    return answer


async def _preflight(send: Send, *, is_named: bool) -> None:
    allowed = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", _CORS_HEADERS.encode()),
        (b"access-control-max-age", b"600"),
    ]
    await _send(send, 204 if is_named else 403, b"", allowed if is_named else [])


async def _refuse(send: Send, path: str, refusal: _Refusal) -> None:
    headers = [(b"content-type", b"application/json")]
    if refusal.retry_after:
        headers.append((b"retry-after", str(math.ceil(refusal.retry_after)).encode()))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="hob"'))
    await _send(send, refusal.status, json.dumps(_words(path, refusal)).encode(), headers)


def _words(path: str, refusal: _Refusal) -> dict[str, Any]:
    """Every dialect's clients find their `error` in this, for Ollama's want a text."""
    if path.startswith("/api/"):
        return {"error": refusal.message}
    kinds = {
        401: "authentication_error",
        403: "permission_error",
        413: "request_too_large",
        429: "rate_limit_error",
    }
    kind = kinds.get(refusal.status, "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": refusal.message, "param": None, "code": kind}}


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
