"""Grammars in llguidance's dialect of Lark, put together of rules.

Must stay pure text work; every literal and schema goes through JSON's escapes, so nothing of a request can
become a rule. Used by the families; compiled by worker/constraint.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: A marker's text -> its token, where the model has a control token for it.
Marks = Mapping[str, int]

# Between members of arguments there may be one space or a line's end: a model that may write spaces for ever
# sometimes does.
_WHITESPACE = r"[ \n]?"


def quoted(text: str) -> str:
    """A literal, as ordinary tokens write it."""
    return json.dumps(text)


def mark(text: str, marks: Marks) -> str:
    """A marker: its control token where there is one, else its text."""
    return f"<[{marks[text]}]>" if text in marks else quoted(text)


def guided(tool: Mapping[str, Any], *, is_lenient: bool) -> dict[str, Any]:
    """The tool with what llguidance is told in its schema. `is_lenient`: what cannot be enforced is not."""
    function = tool["function"]
    style = {"whitespace_pattern": _WHITESPACE, "lenient": is_lenient}
    return {**tool, "function": {**function, "parameters": {**function["parameters"], "x-guidance": style}}}


def schema(tool: Mapping[str, Any]) -> str:
    """The rule's body for a tool's arguments: JSON after its schema."""
    return "%json " + json.dumps(tool["function"]["parameters"])


#: Any text, of ordinary tokens.
TEXT = "TEXT: /(.|\\n)*/"


def until(name: str, end: str, marks: Marks) -> str:
    """A rule for any text up to and with the first `end`."""
    return f"{name}: TEXT {mark(end, marks)}" if end in marks else f"{name}[lazy]: TEXT {quoted(end)}"


def either(name: str, bodies: Sequence[str]) -> str:
    """A rule that is any one of these."""
    return f"{name}: " + " | ".join(f"({body})" for body in bodies)


def call_object(tool: Mapping[str, Any], arguments: str = "arguments") -> str:
    """{"name": "f", "arguments": {...}} for one tool."""
    name = json.dumps(tool["function"]["name"])
    head = quoted(f'{{"name": {name}, "{arguments}": ')
    return f"{head} {schema(tool)} {quoted('}')}"


def grammar(start: str, *rules: str) -> str:
    return "\n".join(("%llguidance {}", f"start: {start}", *rules)) + "\n"
