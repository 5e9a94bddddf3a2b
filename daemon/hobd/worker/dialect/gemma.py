"""Gemma: its templates know no tools; it was taught to write calls into a block of ```tool_code.

Must stay pure; see family.py. Tools are described in the first turn of the user's, since Gemma has no system
turn of its own. We ask for JSON in the block and not for Python, which nobody should have to parse:

    ```tool_code
    {"name": "f", "arguments": {...}}
    ```

An answer that is such an object without a block is a call too; Gemma often leaves the block out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hobd.worker.dialect import describing, lark
from hobd.worker.dialect.calls import call_object
from hobd.worker.dialect.describing import Message, Tool
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.reading import Hand, Script

_OPENING, _CLOSING = "```tool_code", "```"


class Gemma(Family):
    call_marks = ()
    _openings = (_OPENING, "{")
    _trigger = _OPENING

    @classmethod
    def speaks(cls, template: str) -> bool:
        return "<start_of_turn>" in template

    def enter(self, messages: list[Message], tools: Sequence[Tool]) -> tuple[list[Message], Sequence[Tool]]:
        if self.knows_tools:
            return messages, tools
        turns = describing.plain_turns(messages, self.written)
        first = next((i for i, turn in enumerate(turns) if turn.get("role") == "user"), None)
        if not tools or first is None:
            return turns, ()
        text = f"{describing.describe(tools, self.written)}\n\n{turns[first].get('content', '')}"
        return [*turns[:first], turns[first] | {"content": text}, *turns[first + 1 :]], ()

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        return f"{_OPENING}\n{describing.call_object(name, arguments)}\n{_CLOSING}"

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        if opening == "{" and hand.has_spoken:
            hand.say(opening)
        elif (yield from hand.attempt(opening, call_object(hand, names, is_open=opening == "{"))):
            yield from hand.swallow(_CLOSING)

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        return lark.call_object(tool)

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        newline = lark.quoted("\n")
        one = f"{newline} call {lark.quoted(chr(10) + _CLOSING)}"
        return f"{one} ({lark.quoted(chr(10) + _OPENING)} {one})*" if is_parallel else one
