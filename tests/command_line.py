"""Runs `hob` in this process, with a pipe for stdin, and says what came of it.

Must never reach the user's own daemon. Used by the tests of hob_cli.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from hob_cli.main import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str


class CommandLine:
    """Calls like hob("run", "hi", stdin=b"more")."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Outcome:
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(arguments)
        said = self._capsys.readouterr()
        return Outcome(code=code, out=said.out, err=said.err)
