"""The shape that an answer must have, from protobuf to the broker's words: sizes are checked, grammars not.

Must parse nothing: what a grammar means is found out in the worker, where it can do no harm. Every refusal
names the field, the value and the range. Called by convert.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from hob.v1 import inference_pb2 as pb

from hobd.errors import InvalidRequest
from hobd.wire import messages as m

#: field of pb.ResponseFormat -> bytes that it may have
_MAX_BYTES = {"json_schema": 256 << 10, "regex": 16 << 10, "gbnf": 64 << 10, "lark": 64 << 10}
_MAX_DEPTH = 100
_MAX_CHOICES, _MAX_CHOICE_CHARACTERS = 1000, 1024
_MAX_CHOICES_CHARACTERS = 64 << 10  # of all choices
# What no bracket is counted in (an escape, a quoted text), and the brackets.
_BRACKET = re.compile(r'\\.|"(?:[^"\\]|\\.)*+"|(?P<open>[(\[{])|(?P<close>[)\]}])', re.DOTALL)


def constraint(response_format: pb.ResponseFormat, *, ignores_end: bool) -> m.Constraint | None:
    """None when any answer will do. Raises InvalidRequest."""
    kind = response_format.WhichOneof("format")
    if kind is None:
        return None
    if ignores_end:
        raise InvalidRequest(
            "ignore_eos goes on past the end and response_format says where the end is; leave one of them out"
        )
    if kind == "json":
        return m.Constraint("json", "")
    if kind == "choice":
        return m.Constraint("choice", _choices(response_format.choice.choices))
    text: str = getattr(response_format, kind)
    _check_text(kind, text)
    return m.Constraint(kind, text)


def depth(text: str) -> int:
    """How deep its brackets are nested; those that were never opened do not count."""
    deepest = now = 0
    for token in _BRACKET.finditer(text):
        if token["open"]:
            now += 1
            deepest = max(deepest, now)
        elif token["close"] and now:
            now -= 1
    return deepest


def _check_text(kind: str, text: str) -> None:
    size, most = len(text.encode()), _MAX_BYTES[kind]
    if not 1 <= size <= most:
        raise InvalidRequest(f"response_format.{kind} must have 1 to {most} bytes, not {size}")
    deep = depth(text)
    if deep > _MAX_DEPTH:
        raise InvalidRequest(
            f"response_format.{kind} is nested {deep} levels deep; at most {_MAX_DEPTH} are taken"
        )


def _choices(choices: Sequence[str]) -> str:
    if not 1 <= len(choices) <= _MAX_CHOICES:
        raise InvalidRequest(
            f"response_format.choice must have 1 to {_MAX_CHOICES} choices, not {len(choices)}"
        )
    for index, choice in enumerate(choices):
        if not 1 <= len(choice) <= _MAX_CHOICE_CHARACTERS:
            raise InvalidRequest(
                f"choice {index} of response_format must have 1 to {_MAX_CHOICE_CHARACTERS} characters, "
                f"not {len(choice)}"
            )
    total = sum(map(len, choices))
    if total > _MAX_CHOICES_CHARACTERS:
        raise InvalidRequest(
            f"response_format.choice has {total} characters in all; {_MAX_CHOICES_CHARACTERS} are allowed"
        )
    return json.dumps(list(choices), ensure_ascii=False)
