"""Llama 3.1 and later: an answer that begins with {"name": ..., "parameters": {...}} is a call.

Must stay pure; see family.py. <|python_tag|> may come before it. Several calls follow each other with `;`
or a line's end between them. Nothing but the first character tells a call from an answer in JSON, so
nothing is enforced where the model may choose.
"""

from __future__ import annotations

from typing import Any

from hobd.worker.dialect import describing, lark
from hobd.worker.dialect.calls import call_object
from hobd.worker.dialect.describing import Tool
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.reading import Hand, Script

_PYTHON_TAG = "<|python_tag|>"


class Llama(Family):
    call_marks = (_PYTHON_TAG,)
    _openings = (_PYTHON_TAG, "{")
    _trigger = None

    @classmethod
    def speaks(cls, template: str) -> bool:
        return _PYTHON_TAG in template or ("<|start_header_id|>" in template and '"parameters"' in template)

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        return describing.call_object(name, arguments, "parameters")

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        if opening == "{" and hand.has_spoken:
            hand.say(opening)
        elif (yield from hand.attempt(opening, call_object(hand, names, is_open=opening == "{"))):
            yield from hand.swallow(";", ",")

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        return lark.call_object(tool, "parameters")

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        return f"call ({lark.quoted('; ')} call)*" if is_parallel else "call"
