"""Code actions: what can be done with a selection, and doing it.

Must never ask for a text that is excluded, and never change one that was changed meanwhile.
Called by server.py.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from hob_client.errors import InvalidRequest
from lsprotocol import types

from hob_editors.lsp.documents import Document, Place
from hob_editors.lsp.edits import NAME_PATTERN, TITLES, Edit, Selection, Wish, edits, messages, select
from hob_editors.lsp.telling import Teller

COMMAND = "hob.edit"
_MOST_TOKENS = 2048
_KINDS = {
    Wish.EXPLAIN: types.CodeActionKind.RefactorRewrite,
    Wish.FIX: types.CodeActionKind.QuickFix,
    Wish.DOCUMENT: types.CodeActionKind.RefactorRewrite,
    Wish.TESTS: types.CodeActionKind.RefactorRewrite,
    Wish.RENAME: types.CodeActionKind.RefactorRewrite,
}


class Talker(Protocol):
    """The part of the daemon that edits need."""

    def chat(self, messages: Sequence[Mapping[str, Any]], **parameters: Any) -> AsyncGenerator[str, None]: ...


class Editing:
    """Offers actions, and finds the edit of one when it is chosen."""

    def __init__(self, talker: Talker, teller: Teller) -> None:
        self._talker = talker
        self._teller = teller
        self.encoding = "utf-16"
        self.resolves = False  # whether the editor asks for the edit of an action that was chosen
        self.annotates = False  # whether it asks its user before it makes an edit that says so

    def offers(
        self, document: Document, given: types.Range, only: Sequence[str] | None
    ) -> list[types.CodeAction]:
        """Nothing is asked of a model yet."""
        start, end = self._places(document, given)
        offered: list[types.CodeAction] = []
        for wish in Wish:
            kind = str(_KINDS[wish].value)
            is_wanted = only is None or any(kind == asked or kind.startswith(f"{asked}.") for asked in only)
            if is_wanted and start != end and select(document, start, end, wish) is not None:
                offered.append(self._offer(wish, document, given))
        return offered

    def _offer(self, wish: Wish, document: Document, given: types.Range) -> types.CodeAction:
        title = f"hob: {TITLES[wish]}"
        data = {
            "wish": str(wish),
            "uri": document.uri,
            "version": document.version,
            "range": [given.start.line, given.start.character, given.end.line, given.end.character],
        }
        if self.resolves:
            return types.CodeAction(title=title, kind=_KINDS[wish], data=data)
        command = types.Command(title=title, command=COMMAND, arguments=[data])
        return types.CodeAction(title=title, kind=_KINDS[wish], command=command)

    async def edit(self, document: Document, data: Mapping[str, Any]) -> types.WorkspaceEdit:
        """What a chosen action does. Raises InvalidRequest, or what the daemon says."""
        wish, given = _read(data)
        version = document.version
        if data.get("version") not in (None, version):
            raise InvalidRequest("the text was changed since this action was offered; select it again")
        start, end = self._places(document, given)
        selection = select(document, start, end, wish)
        if selection is None:
            raise InvalidRequest(
                "there is nothing in the selection to work on, or too much; select other lines"
            )
        async with self._teller.progress(f"hob: {TITLES[wish]}"):
            answer = await self._ask(wish, selection)
        if document.version != version:
            raise InvalidRequest("the text was changed while the model worked on it; try again")
        made = edits(wish, selection, answer, document)
        if not made:
            raise InvalidRequest("the model made nothing of it that could be put into the text; try again")
        return self._workspace_edit(document, wish, made)

    async def _ask(self, wish: Wish, selection: Selection) -> str:
        most = min(_MOST_TOKENS, 256 + len(selection.text))
        shape: dict[str, Any] = {"max_tokens": most, "temperature": 0.2}
        if wish == Wish.RENAME:
            shape |= {"regex": NAME_PATTERN, "max_tokens": 24}
        pieces = self._talker.chat(messages(wish, selection), **shape)
        async with aclosing(pieces):
            return "".join([piece async for piece in pieces])

    def _workspace_edit(self, document: Document, wish: Wish, made: Sequence[Edit]) -> types.WorkspaceEdit:
        if not self.annotates:
            return types.WorkspaceEdit(
                changes={document.uri: [self._text_edit(document, edit) for edit in made]}
            )
        label = f"hob: {TITLES[wish]}"
        annotated = [
            types.AnnotatedTextEdit(
                range=self._range(document, edit), new_text=edit.text, annotation_id="hob"
            )
            for edit in made
        ]
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri=document.uri, version=document.version)
        return types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(text_document=identifier, edits=annotated)],
            change_annotations={"hob": types.ChangeAnnotation(label=label, needs_confirmation=True)},
        )

    def _text_edit(self, document: Document, edit: Edit) -> types.TextEdit:
        return types.TextEdit(range=self._range(document, edit), new_text=edit.text)

    def _range(self, document: Document, edit: Edit) -> types.Range:
        return types.Range(start=self._position(document, edit.start), end=self._position(document, edit.end))

    def _position(self, document: Document, place: Place) -> types.Position:
        return types.Position(line=place.line, character=document.units(place, self.encoding))

    def _places(self, document: Document, given: types.Range) -> tuple[Place, Place]:
        start = document.place(given.start.line, given.start.character, self.encoding)
        end = document.place(given.end.line, given.end.character, self.encoding)
        return min(start, end), max(start, end)


def _read(data: Mapping[str, Any]) -> tuple[Wish, types.Range]:
    try:
        wish = Wish(str(data.get("wish")))
        line, character, end_line, end_character = (int(number) for number in data["range"])
    except (KeyError, TypeError, ValueError):
        fault = f"an edit needs a wish ({', '.join(Wish)}) and a range of four numbers"
    else:
        start = types.Position(line=max(0, line), character=max(0, character))
        end = types.Position(line=max(0, end_line), character=max(0, end_character))
        return wish, types.Range(start=start, end=end)
    raise InvalidRequest(fault)
