"""Calls as an editor shows them: titles, kinds, differences.

Must show all of what would be done, in characters that cannot pretend. Used by permission.py and voice.py.
"""

from __future__ import annotations

from typing import Any

from acp import schema as s
from acp import text_block, tool_content, tool_diff_content
from hob_client.agent import file_tools
from hob_client.agent.telling import unmasked
from hob_client.agent.values import Action, Kind

_KINDS: dict[Kind, s.ToolKind] = {
    Kind.READ: "read",
    Kind.WRITE: "edit",
    Kind.SHELL: "execute",
    Kind.MCP: "other",
    Kind.NOTE: "think",
}


def title_of(action: Action) -> str:
    return unmasked(action.title, is_line=action.kind is not Kind.SHELL)


def kind_of(action: Action, tool: str) -> s.ToolKind:
    return "search" if tool == file_tools.SEARCH.name else _KINDS[action.kind]


def content_of(action: Action) -> list[Any] | None:
    change = action.change
    return None if change is None else [tool_diff_content(change.path, change.after, change.before)]


def text_content(text: str) -> list[Any]:
    return [tool_content(text_block(text))]
