"""DeepSeek: calls between marks of their own, with the name before the arguments.

Must stay pure; see family.py. The marks have U+FF5C for bars and U+2581 for spaces:

    V3, R1   <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>name
             ```json
             {...}
             ```<｜tool▁call▁end｜><｜tool▁calls▁end｜>
    V3.1     <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>name<｜tool▁sep｜>{...}<｜tool▁call▁end｜> ...
"""

from __future__ import annotations

import json
from typing import Any

from hobd.worker.dialect import lark
from hobd.worker.dialect.calls import arguments, bare_name, literal
from hobd.worker.dialect.describing import Tool
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.reading import Hand, Script

_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL, _CALL_END, _SEPARATOR = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"


class DeepSeek(Family):
    call_marks = (_CALLS, _CALLS_END, _CALL, _CALL_END, _SEPARATOR)
    _openings = (_CALLS, _CALL)
    _trigger = _CALLS

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self._is_fenced = "```json" in template

    @classmethod
    def speaks(cls, template: str) -> bool:
        return _CALLS in template

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        text = json.dumps(arguments, ensure_ascii=False)
        if self._is_fenced:
            body = f"function{_SEPARATOR}{name}\n```json\n{text}\n```"
        else:
            body = f"{name}{_SEPARATOR}{text}"
        return f"{_CALLS}{_CALL}{body}{_CALL_END}{_CALLS_END}"

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        if opening == _CALLS:
            yield from hand.skip_space()
        elif (yield from hand.attempt(opening, _call(hand, names))):
            yield from hand.swallow("```")
            yield from hand.swallow(_CALL_END)
            yield from hand.swallow(_CALLS_END)

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        name, separator = tool["function"]["name"], lark.mark(_SEPARATOR, marks)
        end = lark.mark(_CALL_END, marks)
        if not self._is_fenced:
            return f"{lark.quoted(name)} {separator} {lark.schema(tool)} {end}"
        fence = lark.quoted("\n```")
        return (
            f"{lark.quoted('function')} {separator} {lark.quoted(name + chr(10) + '```json' + chr(10))} "
            f"{lark.schema(tool)} {fence} {end}"
        )

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        begin, end = lark.mark(_CALL, marks), lark.mark(_CALLS_END, marks)
        between = lark.quoted("\n") if self._is_fenced else ""
        more = f"({between} {begin} call)*" if is_parallel else ""
        return f"{begin} call {more} {end}"


def _call(hand: Hand, names: frozenset[str]) -> Script:
    """After the mark that begins it: a name and arguments, or the word `function` before them."""
    first = yield from bare_name(hand, names | {"function"}, "<")
    yield from literal(hand, _SEPARATOR)
    if (yield from hand.solid()) == "{" and first in names:
        hand.put_back()
        yield from arguments(hand, first)
        return
    hand.put_back()
    name = yield from bare_name(hand, names, "`{")
    if (yield from hand.solid()) == "`":
        yield from literal(hand, "``json")
    else:
        hand.put_back()
    yield from arguments(hand, name)
