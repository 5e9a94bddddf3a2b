"""Mistral: [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...], or since 2025 [TOOL_CALLS]name[ARGS]{...}.

Must stay pure; see family.py. The newer form has a marker for each call, and may have [CALL_ID] and an id
between name and arguments. Ids have nine letters or digits: templates refuse others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from hobd.worker.dialect import describing, lark
from hobd.worker.dialect.calls import arguments, bare_name, call_object, literal
from hobd.worker.dialect.describing import Message, Tool
from hobd.worker.dialect.family import Family
from hobd.worker.dialect.lark import Marks
from hobd.worker.dialect.reading import Hand, Script

_CALLS, _ARGS, _CALL_ID = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"
_ID = re.compile(r"[a-zA-Z0-9]{9}")


class Mistral(Family):
    call_marks = (_CALLS, _ARGS, _CALL_ID)
    _openings = (_CALLS,)
    _trigger = _CALLS

    def __init__(self, template: str) -> None:
        super().__init__(template)
        self._is_newer = _ARGS in template

    @classmethod
    def speaks(cls, template: str) -> bool:
        return _CALLS in template

    def enter(self, messages: list[Message], tools: Sequence[Tool]) -> tuple[list[Message], Sequence[Tool]]:
        return super().enter([_with_short_ids(message) for message in messages], tools)

    def written(self, name: str, arguments: dict[str, Any]) -> str:
        if self._is_newer:
            return f"{_CALLS}{name}{_ARGS}{json.dumps(arguments, ensure_ascii=False)}"
        return f"{_CALLS}[{describing.call_object(name, arguments)}]"

    def call_id(self, digest: str) -> str:
        return digest[:9]

    def _read_call(self, hand: Hand, opening: str, names: frozenset[str]) -> Script:
        if (yield from hand.attempt(opening, _calls(hand, names))):
            yield from hand.skip_space()

    def _call_rule(self, tool: Tool, marks: Marks) -> str:
        if not self._is_newer:
            return lark.call_object(tool)
        name = lark.quoted(tool["function"]["name"])
        return f"{name} {lark.mark(_ARGS, marks)} {lark.schema(tool)}"

    def _calls_rule(self, is_parallel: bool, marks: Marks) -> str:
        if self._is_newer:
            return f"call ({lark.mark(_CALLS, marks)} call)*" if is_parallel else "call"
        more = f"({lark.quoted(', ')} call)*" if is_parallel else ""
        return f"{lark.quoted('[')} call {more} {lark.quoted(']')}"


def _calls(hand: Hand, names: frozenset[str]) -> Script:
    first = yield from hand.solid()
    if first == "[":
        yield from call_object(hand, names)
        while (yield from hand.expect(",]")) == ",":
            yield from call_object(hand, names)
        return
    hand.put_back()
    name = yield from bare_name(hand, names, "[{")
    yield from _to_arguments(hand)
    yield from arguments(hand, name)


def _to_arguments(hand: Hand) -> Script:
    """Past what may stand between a name and its arguments: an id, since we give our own, and a marker."""
    if (yield from hand.solid()) == "{":
        hand.put_back()
        return
    if (yield from hand.expect("AC")) == "A":
        yield from literal(hand, "RGS]")
        return
    yield from literal(hand, "ALL_ID]")
    while (yield from hand.character()) != "[":
        pass
    yield from literal(hand, "ARGS]")


def _with_short_ids(message: Message) -> Message:
    """Ids that another service made become ones that the template takes."""
    changed = dict(message)
    if "tool_call_id" in changed:
        changed["tool_call_id"] = _short(changed["tool_call_id"])
    if "tool_calls" in changed:
        changed["tool_calls"] = [call | {"id": _short(call.get("id", ""))} for call in changed["tool_calls"]]
    return changed


def _short(id: str) -> str:
    return id if _ID.fullmatch(id) else hashlib.blake2b(id.encode(), digest_size=5).hexdigest()[:9]
