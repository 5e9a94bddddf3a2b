"""Reads what a client sent: a JSON object of bounded size and depth, and the kinds of its fields.

Must never quote a value of the body in an error: it may be a prompt. Ranges are the daemon's business.
Called by every dialect.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from hob_client.errors import InvalidRequest
from hob_client.values import Media
from starlette.requests import Request

from hob_gateway.guard import MAX_BODY_BYTES

BODY_SECONDS = 30.0
MAX_DEPTH = 100
Fields = Mapping[str, Any]


async def read_fields(request: Request) -> Fields:
    """The JSON object of the body. Raises InvalidRequest."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _read_all(request)
    except TimeoutError:
        raise InvalidRequest(f"the body did not come within {BODY_SECONDS:.0f} s; send it faster") from None
    return parse_fields(body)


async def _read_all(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise InvalidRequest(f"the body must have at most {MAX_BODY_BYTES} bytes; send less at once")
        pieces.append(piece)
    return b"".join(pieces)


def parse_fields(body: bytes) -> Fields:
    try:
        fields = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        fields = None  # what json says could quote the body
    if not isinstance(fields, dict):
        raise InvalidRequest("the body must be a JSON object")
    if not _is_shallow(fields, MAX_DEPTH):
        raise InvalidRequest(f"the body must not be nested deeper than {MAX_DEPTH} levels")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError


def _is_shallow(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return True
    return False


_KINDS: dict[type[Any], str] = {str: "text", bool: "true or false", dict: "an object", list: "a list"}


def take(fields: Fields, name: str, kind: type[Any], default: Any = None) -> Any:
    """The field if it has that kind; the default if it is null or not there."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise InvalidRequest(f"{name} must be {_KINDS[kind]}")
    return value


def take_number(fields: Fields, name: str) -> int | float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{name} must be a number")
    return value


def take_count(fields: Fields, name: str) -> int | None:
    value = take_number(fields, name)
    if value is not None and (value != int(value) or not 0 <= value < 1 << 63):
        raise InvalidRequest(f"{name} must be a whole number of at least 0")
    return None if value is None else int(value)


def take_texts(fields: Fields, name: str) -> list[str]:
    """A text, or a list of texts."""
    value = fields.get(name)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"{name} must be text, or a list of texts")
    return texts


def take_objects(fields: Fields, name: str) -> list[Fields]:
    objects: list[Any] = take(fields, name, list, [])
    if not all(isinstance(one, dict) for one in objects):
        raise InvalidRequest(f"{name} must be a list of objects")
    return objects


def refuse(fields: Fields, names: Iterable[str]) -> None:
    """Fields that would change the answer, and that nothing here does."""
    for name in names:
        if fields.get(name):
            raise InvalidRequest(f"{name} is not supported by this gateway; leave it out")


def file_of(text: Any, what: str) -> Media:
    """The bytes of a base64 text."""
    if isinstance(text, str):
        try:
            return Media(data=base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            pass  # what it says could quote the text
    raise InvalidRequest(f"{what} must be base64")


def file_of_url(url: Any, what: str) -> Media:
    """The bytes in a data: URL. Nothing here ever fetches one."""
    head, comma, content = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise InvalidRequest(
            f"{what} must be a URL of the form data:image/png;base64,...; the gateway fetches nothing"
        )
    return file_of(content, what)
