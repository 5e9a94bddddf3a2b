"""`hob lsp` as editors start it, at a real daemon whose workers answer by arithmetic."""

from __future__ import annotations

from collections.abc import Callable

from tests.daemon import RunningDaemon, await_true
from tests.editors.language_client import LanguageClient

Connect = Callable[..., LanguageClient]


def test_hint_comes_without_any_configuration(editor: LanguageClient) -> None:
    uri = editor.open("a.py", "def fib(n):\n    ")
    (hint,) = editor.hints(uri, 1, 4)
    assert hint["insertText"]
    assert hint["range"] == {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 4}}
