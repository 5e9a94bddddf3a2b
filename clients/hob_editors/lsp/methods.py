"""Every method and command of the language server, and who answers it.

Must hold no state and decide nothing. Called by main.py.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from hob.version import VERSION
from hob_client.async_client import AsyncClient
from lsprotocol import types

from hob_editors.lsp.editing import COMMAND
from hob_editors.lsp.protocol import Protocol, QuietServer, hush
from hob_editors.lsp.server import Editor


def build(socket: str | None, *, start: bool) -> QuietServer:
    """A server that talks to the daemon of a socket, and starts one if it may."""
    hush()
    server = QuietServer("hob", VERSION, protocol_cls=Protocol)
    editor = Editor(server, lambda: AsyncClient(socket, start=start))
    register(server, editor)
    return server


def register(server: QuietServer, editor: Editor) -> None:
    """Every method and command, and who answers it."""

    def feature(method: str, options: Any = None) -> Callable[[Callable[[Any], Any]], Any]:
        return lambda answer: server.feature(method, options)(_function(answer))

    feature(types.INITIALIZE)(editor.on_initialize)
    feature(types.INITIALIZED)(editor.on_initialized)
    feature(types.SHUTDOWN)(editor.on_shutdown)
    feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(editor.on_configured)
    feature(types.TEXT_DOCUMENT_DID_OPEN)(editor.on_open)
    feature(types.TEXT_DOCUMENT_DID_CHANGE)(editor.on_change)
    feature(types.TEXT_DOCUMENT_DID_SAVE)(editor.on_save)
    feature(types.TEXT_DOCUMENT_DID_CLOSE)(editor.on_close)
    feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(
        editor.on_inline_completion
    )
    feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=list("(.=:{[, ")))(
        editor.on_completion
    )
    kinds = [types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite]
    options = types.CodeActionOptions(code_action_kinds=kinds, resolve_provider=True)
    feature(types.TEXT_DOCUMENT_CODE_ACTION, options)(editor.on_code_action)
    feature(types.CODE_ACTION_RESOLVE)(editor.on_resolve)
    feature("hob/chat")(editor.on_chat)
    _register_commands(server, editor)


def _function(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """pygls writes notes on its handlers, which a bound method does not take."""
    if not iscoroutinefunction(answer):
        return lambda params: answer(params)

    async def answer_later(params: Any) -> Any:
        return await answer(params)

    return answer_later


def _register_commands(server: QuietServer, editor: Editor) -> None:
    command = server.command

    @command("hob.accept")
    async def accept(given: dict) -> bool:  # type: ignore[type-arg]
        return await editor.accept(given)

    @command(COMMAND)
    async def edit(given: dict) -> bool:  # type: ignore[type-arg]
        return await editor.edit(given)

    @command("hob.status")
    async def status() -> dict[str, object]:
        return await editor.status()

    command("hob.enable")(lambda: editor.switch(True))
    command("hob.disable")(lambda: editor.switch(False))
    command("hob.toggle")(lambda: editor.switch())
