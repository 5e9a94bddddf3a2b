"""A bug of ours: told as one, and its words, which could quote a prompt, told to nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hob_gateway.app import build
from hob_gateway.house import House
from hob_gateway.origins import names_of
from hob_gateway.tokens import TokenBook, new_token


class Broken:
    """A client of hob_client's that has a bug."""

    def models(self) -> Any:
        raise RuntimeError("secret words")


def test_words_of_a_bug_are_told_to_nobody(tmp_path: Path) -> None:
    book = TokenBook(tmp_path / "tokens.json")
    token, secret = new_token("a", ("infer",), now=0, days=None)
    book.add(token)
    house = House(socket="/none", _client=Broken())  # type: ignore[arg-type]
    app = build(house, names=names_of(("here",), None, scheme="http"), book=book, rate=10)
    headers = [(b"host", b"here"), (b"authorization", f"Bearer {secret}".encode())]
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": "/v1/models", "headers": headers, "query_string": b""}
    with pytest.raises(RuntimeError):  # for the server, which is made not to log it (patience.py)
        asyncio.run(app(scope | {"http_version": "1.1", "scheme": "http"}, receive, send))
    assert told[0]["status"] == 500
    assert b"RuntimeError" in told[1]["body"] and b"secret" not in told[1]["body"]
