"""The language server: what an editor asks, and who answers it.

Must never block its loop, and asks nothing of the daemon while hob is off. Called by methods.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hob.version import VERSION
from hob_client.async_client import AsyncClient
from hob_client.errors import HobError, InvalidRequest
from lsprotocol import types
from pygls.uris import to_fs_path

from hob_editors.lsp import proposals, talking
from hob_editors.lsp.daemon import Daemon
from hob_editors.lsp.documents import Document, Documents, Place
from hob_editors.lsp.editing import Editing
from hob_editors.lsp.hinting import Hinter
from hob_editors.lsp.ignore_files import IgnoreFiles
from hob_editors.lsp.protocol import QuietServer, plain, refusal
from hob_editors.lsp.settings import Settings, parse
from hob_editors.lsp.telling import Teller

SECTION = "hob"
MAX_CHARACTERS = 10_000_000  # of a text; larger ones are no code that somebody writes


class Editor:
    """All that one editor needs. `client` makes the connection, once there is a loop for it."""

    def __init__(self, server: QuietServer, client: Callable[[], AsyncClient]) -> None:
        self.server = server
        self.teller = Teller(server)
        self.documents = Documents()
        self.files = IgnoreFiles()
        self._make_client = client
        self._given = Settings()  # when the editor started
        self._switched: bool | None = None  # by command, until it is switched again
        self._roots: list[str] = []
        self._pulls = False

    # ------------------------------------------------------------- beginning and end

    def on_initialize(self, params: types.InitializeParams) -> None:
        self.daemon = Daemon(self._make_client(), self.teller)
        self.hinter = Hinter(self.daemon, self.files.excludes, name_of=self._name_of)
        self.editing = Editing(self.daemon, self.teller)
        self._roots = [to_fs_path(folder.uri) or "" for folder in params.workspace_folders or ()]
        if not self._roots and params.root_uri:
            self._roots = [to_fs_path(params.root_uri) or ""]
        self._read_capabilities(params.capabilities)
        self._given, faults = parse(Settings(), plain(params.initialization_options))
        self._faults = faults

    def _read_capabilities(self, can: types.ClientCapabilities) -> None:
        texts, workspace = can.text_document, can.workspace
        self._pulls = bool(workspace and workspace.configuration)
        self.shows_inline = bool(texts and texts.inline_completion)
        action = texts.code_action if texts else None
        resolve = action.resolve_support if action else None
        self.editing.resolves = bool(
            action and action.data_support and resolve and "edit" in resolve.properties
        )
        edit = workspace.workspace_edit if workspace else None
        self.editing.annotates = bool(edit and edit.document_changes and edit.change_annotation_support)

    async def on_initialized(self, params: types.InitializedParams) -> None:
        self.editing.encoding = self.encoding
        for fault in self._faults:
            self.teller.warn(fault)
        await self._configure(None)
        if not self.teller.is_off:
            with suppress(HobError):
                await self.daemon.look()

    async def on_shutdown(self, params: None) -> None:
        self.hinter.stop()
        await self.daemon.close()

    @property
    def encoding(self) -> str:
        chosen = self.server.server_capabilities.position_encoding
        return str(getattr(chosen, "value", chosen) or "utf-16")

    # ------------------------------------------------------------- settings

    async def on_configured(self, params: types.DidChangeConfigurationParams) -> None:
        await self._configure(plain(params.settings))

    async def _configure(self, pushed: Any) -> None:
        """What the editor says when it is asked goes before what it said by itself."""
        given: list[Any] = [pushed.get(SECTION) if isinstance(pushed, Mapping) else None]
        if self._pulls:
            asked = types.ConfigurationParams(items=[types.ConfigurationItem(section=SECTION)])
            try:
                given += plain(await self.server.workspace_configuration_async(asked))
            except Exception:
                self._pulls = False  # it said that it could, and cannot
        settings = self._given
        for part in given:
            settings, faults = parse(settings, part)
            for fault in faults:
                self.teller.warn(fault)
        self._use(settings)

    def _use(self, settings: Settings) -> None:
        if settings.model != self.daemon.wish:
            self.daemon.wish = settings.model
            self.daemon.reconsider()
            self.hinter.hints.clear()
        self.hinter.settings = settings
        self._switch()

    def _switch(self, enabled: bool | None = None) -> None:
        if enabled is not None:
            self._switched = enabled
        settings = self.hinter.settings
        is_on = settings.enabled if self._switched is None else self._switched
        self.hinter.is_on = is_on
        if not is_on:
            self.hinter.stop()
        self.teller.is_off = not is_on
        self.teller.tell()

    # ------------------------------------------------------------- texts

    def on_open(self, params: types.DidOpenTextDocumentParams) -> None:
        given = params.text_document
        if len(given.text) > MAX_CHARACTERS:
            return
        self.documents.open(
            Document(
                uri=given.uri,
                path=_path(given.uri),
                language=str(getattr(given.language_id, "value", given.language_id)),
                version=given.version,
                text=given.text,
            )
        )

    def on_change(self, params: types.DidChangeTextDocumentParams) -> None:
        document = self.documents.get(params.text_document.uri)
        if document is None:
            return
        end: Place | None = None
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                given = change.range
                start = document.place(given.start.line, given.start.character, self.encoding)
                until = document.place(given.end.line, given.end.character, self.encoding)
                end = document.replace(start, until, change.text)
            else:
                document.set_text(change.text)
        document.version = params.text_document.version
        if end is not None:
            self.hinter.changed(document, end)

    def on_save(self, params: types.DidSaveTextDocumentParams) -> None:
        document = self.documents.get(params.text_document.uri)
        if document is not None:
            self.hinter.saved(document)

    def on_close(self, params: types.DidCloseTextDocumentParams) -> None:
        document = self.documents.close(params.text_document.uri)
        if document is not None:
            self.hinter.forget(document)

    def _document(self, uri: str) -> Document:
        document = self.documents.get(uri)
        if document is None:
            raise refusal(InvalidRequest("this text is not open, or too large for hob to follow"))
        return document

    def _name_of(self, path: str) -> str:
        """What a model is told of where a file is: nothing of what is outside the workspace."""
        for root in self._roots:
            if root and path.startswith(root.rstrip("/") + "/"):
                return os.path.relpath(path, root)
        return os.path.basename(path)

    # ------------------------------------------------------------- hints

    async def on_inline_completion(self, params: types.InlineCompletionParams) -> types.InlineCompletionList:
        kind = params.context.trigger_kind
        is_wished = kind == types.InlineCompletionTriggerKind.Invoked
        document, place, hints = await self._hints(params.text_document.uri, params.position, is_wished)
        items = [proposals.inline(document, place, hint, self.encoding) for hint in hints]
        return types.InlineCompletionList(items=items)

    async def on_completion(self, params: types.CompletionParams) -> types.CompletionList | None:
        """For editors that cannot show hints where they belong."""
        if self.shows_inline:
            return None
        document, place, hints = await self._hints(params.text_document.uri, params.position, False)
        items = [proposals.listed(document, place, hint, self.encoding) for hint in hints]
        return types.CompletionList(is_incomplete=True, items=items)

    async def _hints(self, uri: str, position: types.Position, is_wished: bool) -> Any:
        document = self._document(uri)
        place = document.place(position.line, position.character, self.encoding)
        if self.hinter.is_on:
            self.teller.is_excluded = self.files.excludes(document.path)
            self.teller.tell()
        return document, place, await self.hinter.hints_at(document, place, is_wished=is_wished)

    async def accept(self, given: Mapping[str, Any]) -> bool:
        """`hob.accept`: puts a word, a line or all of the known hint into the text."""
        document = self._document(str(given.get("uri")))
        line, character = proposals.position(given.get("position"))
        place = document.place(line, character, self.encoding)
        hints = self.hinter.known_at(document, place)
        edit = proposals.accepted(document, place, hints, str(given.get("unit", "all")), self.encoding)
        if edit is None:
            return False
        told = await self.server.workspace_apply_edit_async(
            types.ApplyWorkspaceEditParams(
                label="hob: accept", edit=types.WorkspaceEdit(changes={document.uri: [edit]})
            )
        )
        return bool(told.applied)

    # ------------------------------------------------------------- edits and chat

    def on_code_action(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        document = self.documents.get(params.text_document.uri)
        if document is None or not self.hinter.may_see(document):
            return []
        only = None if params.context.only is None else [str(kind) for kind in params.context.only]
        return self.editing.offers(document, params.range, only)

    async def on_resolve(self, action: types.CodeAction) -> types.CodeAction:
        data = plain(action.data)
        action.edit = await self._edit(data if isinstance(data, Mapping) else {})
        return action

    async def edit(self, data: Mapping[str, Any]) -> bool:
        """`hob.edit`, for editors that do not ask for the edit of an action."""
        edit = await self._edit(data)
        label = types.ApplyWorkspaceEditParams(label="hob", edit=edit)
        return bool((await self.server.workspace_apply_edit_async(label)).applied)

    async def _edit(self, data: Mapping[str, Any]) -> types.WorkspaceEdit:
        document = self._document(str(data.get("uri")))
        if not self.hinter.may_see(document):
            raise refusal(InvalidRequest("hob is off for this text, or its file is excluded"))
        try:
            return await self.editing.edit(document, data)
        except HobError as error:
            raise refusal(error) from None

    async def on_chat(self, params: Any) -> dict[str, str]:
        given = plain(params)
        uris = given.get("uris", ()) if isinstance(given, Mapping) else ()
        if any(self.files.excludes(_path(str(uri))) for uri in uris):
            raise refusal(InvalidRequest("the file that is talked about is excluded; nothing of it was sent"))
        try:
            return await talking.talk(
                self.daemon, given if isinstance(given, Mapping) else {}, self.server.protocol.notify
            )
        except HobError as error:
            raise refusal(error) from None

    # ------------------------------------------------------------- commands

    async def status(self) -> dict[str, object]:
        """`hob.status`: how things stand, after a look."""
        if self.hinter.is_on:
            with suppress(HobError):
                self.daemon.reconsider()
                await self.daemon.look()
        return {**self.teller.standing.record(), "requests": self.hinter.num_requests, "version": VERSION}

    def switch(self, enabled: bool | None = None) -> dict[str, object]:
        """`hob.enable`, `hob.disable` and `hob.toggle`."""
        self._switch(not self.hinter.is_on if enabled is None else enabled)
        return self.teller.standing.record()


def _path(uri: str) -> str:
    return (to_fs_path(uri) or "") if uri.startswith("file:") else ""
