"""Hermes, Qwen and those who write as they do: <tool_call>{"name": ..., "arguments": {...}}</tool_call>.

Must stay pure; see family.py.
"""

from __future__ import annotations

from typing import Any

from hobd.worker.dialect import describing, lark
from hobd.worker.dialect.calls import call_object
from hobd.worker.dialect.describing import Tool
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.reading import Hand, Script

OPENING, CLOSING = "<tool_call>", "</tool_call>"


class Hermes(Family):
    call_marks = (OPENING, CLOSING)
    _openings = (OPENING,)
    _trigger = OPENING

    @classmethod
    def speaks(cls, template: str) -> bool:
        return OPENING in template

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        return f"{OPENING}\n{describing.call_object(name, arguments)}\n{CLOSING}"

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        if (yield from hand.attempt(opening, call_object(hand, names))):
            yield from hand.swallow(CLOSING)

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        newline = lark.quoted("\n")
        return f"{newline} {lark.call_object(tool)} {newline} {lark.mark(CLOSING, marks)}"

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        more = f"({lark.quoted(chr(10))} {lark.mark(OPENING, marks)} call)*"
        return f"call {more}" if is_parallel else "call"
