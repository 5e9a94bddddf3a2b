"""Saving a chat, and what the daemon tells of itself, at the command line against a scripted daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import CommandLine
from tests.fakes.daemon import FakeDaemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    monkeypatch.setenv("HOB_SOCKET", str(tmp_path / "hob.sock"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with FakeDaemon(tmp_path / "hob.sock") as running:
        yield running


@pytest.fixture
def hob(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


def test_chat_saves_after_each_answer_and_goes_on_later(
    hob: CommandLine, daemon: FakeDaemon, tmp_path: Path
) -> None:
    saved = str(tmp_path / "talk.age")
    outcome = hob("chat", "--save", saved, stdin=b"hi\n")
    assert outcome.code == 0 and "made a key" in outcome.err
    assert b"hob!" not in Path(saved).read_bytes()
    outcome = hob("chat", "--resume", saved, "--save", saved, stdin=b"and now?\n")
    assert outcome.code == 0 and "2 turns" in outcome.err
    texts = [message.content[0].text for message in daemon.requests[-1].messages]
    assert texts == ["hi", "Hello, hob!", "and now?"]


def test_chat_that_is_not_saved_writes_nothing(hob: CommandLine, daemon: FakeDaemon, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert hob("chat", stdin=b"hi\n").code == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_slash_save_saves_and_says_how(hob: CommandLine, daemon: FakeDaemon, tmp_path: Path) -> None:
    outcome = hob("chat", stdin=f"hi\n/save {tmp_path}/talk.age\n".encode())
    assert "talk.age, encrypted; so will be what follows" in outcome.err
    assert (tmp_path / "talk.age").read_bytes().startswith(b"age-encryption.org/v1")


@pytest.mark.parametrize(("command", "word"), [("attest", "all 1 properties held"), ("wires", "telemetry")])
def test_what_the_daemon_tells_of_itself_is_shown(
    hob: CommandLine, daemon: FakeDaemon, command: str, word: str
) -> None:
    assert word in hob(command).out
    assert json.loads(hob(command, "--json").out)
