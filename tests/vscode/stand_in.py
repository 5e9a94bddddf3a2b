"""A `hob lsp` that always completes the same, for tests of the extension alone.

Must never ask a daemon. Started by the extension, as tests/vscode/host.py configures it.
"""

from __future__ import annotations

import sys

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("stand-in", "1")


@server.feature(types.INITIALIZED)
async def on_initialized(params: types.InitializedParams) -> None:
    item = types.ConfigurationItem(section="hob")
    (settings,) = await server.workspace_configuration_async(types.ConfigurationParams(items=[item]))
    state = "ready" if settings["enabled"] and settings["debounceMs"] == 150 else "failed"
    told = {"state": state, "model": "stand-in", "message": "", "isExcluded": False}
    server.protocol.notify("hob/status", told)


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def on_inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    at = types.Range(params.position, params.position)
    return types.InlineCompletionList([types.InlineCompletionItem("return a + b", range=at)])


if __name__ == "__main__":
    assert sys.argv[1:] == ["--no-start", "lsp"], sys.argv
    server.start_io()
