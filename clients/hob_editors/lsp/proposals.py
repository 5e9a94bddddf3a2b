"""Hints in the protocol's words: items to show, and edits that accept them.

Must stay pure. Called by server.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hob_client.errors import InvalidRequest
from lsprotocol import types

from hob_editors.lsp.documents import Document, Place
from hob_editors.lsp.hints import Hint
from hob_editors.lsp.trimming import first_line, first_word

_WORD_BEFORE = re.compile(r"\w*$")
_MAX_LABEL = 60


def inline(document: Document, place: Place, hint: Hint, encoding: str) -> types.InlineCompletionItem:
    """To be shown at the place itself."""
    return types.InlineCompletionItem(
        insert_text=hint.text, range=_range(document, place, place, hint.num_replaced, encoding)
    )


def listed(document: Document, place: Place, hint: Hint, encoding: str) -> types.CompletionItem:
    """To be shown in a list, which filters by the word that the cursor is in."""
    before = document.lines[place.line][: place.index]
    found = _WORD_BEFORE.search(before)
    word = found[0] if found else ""
    start = Place(line=place.line, index=place.index - len(word))
    text = word + hint.text
    label = text.strip().split("\n", 1)[0]
    return types.CompletionItem(
        label=label if len(label) <= _MAX_LABEL else label[: _MAX_LABEL - 1] + "…",
        kind=types.CompletionItemKind.Text,
        detail="hob",
        documentation=text,
        filter_text=text,
        sort_text="￿",  # after what other servers know for certain
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=types.TextEdit(
            range=_range(document, start, place, hint.num_replaced, encoding), new_text=text
        ),
    )


def accepted(
    document: Document, place: Place, hints: Sequence[Hint], unit: str, encoding: str
) -> types.TextEdit | None:
    """The edit that accepts a word, a line or all of the first hint; None if there is none."""
    if unit not in ("word", "line", "all"):
        raise InvalidRequest(f"the unit is {unit!r:.20}; it must be word, line or all")
    if not hints:
        return None
    hint = hints[0]
    text = {"word": first_word, "line": first_line}.get(unit, str)(hint.text)
    num_replaced = hint.num_replaced if text == hint.text else 0
    return types.TextEdit(range=_range(document, place, place, num_replaced, encoding), new_text=text)


def position(given: Any) -> tuple[int, int]:
    """Of a command's arguments."""
    if isinstance(given, Mapping):
        line, character = given.get("line"), given.get("character")
        if isinstance(line, int) and isinstance(character, int) and line >= 0 and character >= 0:
            return line, character
    raise InvalidRequest("the position needs a line and a character, whole numbers from 0")


def _range(document: Document, start: Place, end: Place, num_replaced: int, encoding: str) -> types.Range:
    end = Place(line=end.line, index=end.index + num_replaced)
    return types.Range(
        start=types.Position(line=start.line, character=document.units(start, encoding)),
        end=types.Position(line=end.line, character=document.units(end, encoding)),
    )
