"""Who stays in memory, as `hob` shows and asks it, against a daemon that follows a script."""

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
    with FakeDaemon(tmp_path / "hob.sock") as running:
        yield running


@pytest.fixture
def hob(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


def test_ps_shows_until_when_a_model_stays_and_who_waits_for_room(
    hob: CommandLine, daemon: FakeDaemon
) -> None:
    out = hob("ps").out
    assert "other needs it" in out and "3 waiting for room for other, for " in out
    assert "models have 5.0 GiB of 4.0 GiB ram (overdrawn)" in out


@pytest.mark.parametrize(("command", "pinned"), [("pin", True), ("unpin", False)])
def test_pinning_says_what_it_did(hob: CommandLine, daemon: FakeDaemon, command: str, pinned: bool) -> None:
    assert json.loads(hob(command, "tiny", "--json").out) == {"model": "tiny", "pinned": pinned}
    assert daemon.requests[-1].pinned is pinned


def test_events_are_a_line_each(hob: CommandLine, daemon: FakeDaemon) -> None:
    assert hob("events").out.split()[1:] == ["model", "evicted", "tiny", "for", "other,", "5.0", "MiB"]
    assert json.loads(hob("events", "--json").out)["beneficiary"] == "other"


def test_keep_alive_of_a_load_is_told_to_the_daemon(hob: CommandLine, daemon: FakeDaemon) -> None:
    hob("load", "tiny", "--keep-alive", "60")
    assert daemon.requests[-1].keep_alive_seconds == 60
    assert hob("load", "tiny", "--keep-alive", "-1").code == 2
