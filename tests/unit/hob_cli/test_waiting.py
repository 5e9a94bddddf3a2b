"""A wait is shown on a terminal only, and only if it is long."""

from __future__ import annotations

import io

import pytest
from hob_cli import waiting
from hob_client.events import Progress


class Screen(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def what_is_shown(monkeypatch: pytest.MonkeyPatch, *, patience: float, is_terminal: bool) -> str:
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(waiting, "_PATIENCE_SECONDS", patience)
    wait = waiting.Waiting()
    wait.show(Progress(stage="loading", fraction=0.5))
    wait.close()
    return screen.getvalue()


def test_long_wait_shows_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "loading the model" in what_is_shown(monkeypatch, patience=0, is_terminal=True)


def test_short_wait_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert what_is_shown(monkeypatch, patience=60, is_terminal=True) == ""


def test_pipe_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert what_is_shown(monkeypatch, patience=0, is_terminal=False) == ""
