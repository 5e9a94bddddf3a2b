"""A prompt comes from the command line, a file and a pipe."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest
from hob_cli.prompts import read_prompt, require_source
from hob_client.errors import InvalidRequest


def pipe(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_words_of_the_command_line_are_one_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    assert read_prompt(("why", "blue?"), None, exact=False) == "why blue?"


def test_pipe_follows_the_argument_after_a_blank_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "Zürich\n".encode())
    assert read_prompt(("translate",), None, exact=False) == "translate\n\nZürich"


def test_file_follows_the_argument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipe(monkeypatch, b"")
    (tmp_path / "f").write_text("text\n")
    assert read_prompt(("sum up",), tmp_path / "f", exact=False) == "sum up\n\ntext"


def test_exact_text_keeps_its_last_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"once\n")
    assert read_prompt((), None, exact=True) == "once\n"


def test_invalid_utf8_names_its_byte_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"secret \xff rest")
    with pytest.raises(InvalidRequest, match="at byte 7") as caught:
        read_prompt((), None, exact=False)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_empty_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, b"")
    with pytest.raises(InvalidRequest, match="empty"):
        read_prompt((), None, exact=False)


def test_unreadable_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="absent"):
        read_prompt((), tmp_path / "absent", exact=False)


def test_terminal_without_a_prompt_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with pytest.raises(click.UsageError, match="no prompt"):
        require_source((), None)
