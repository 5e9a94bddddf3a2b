"""`hob doctor` at real doors and directories."""

from __future__ import annotations

import json

import pytest

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon


@pytest.fixture
def hob(
    daemon: RunningDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    for name, value in daemon.environment.items():
        monkeypatch.setenv(name, value)
    return CommandLine(capsys, monkeypatch)


def names(told: str) -> set[str]:
    return {finding["name"] for finding in json.loads(told)["findings"]}


def test_running_daemon_with_a_model_has_nothing_wrong_with_its_door(
    hob: CommandLine, daemon: RunningDaemon
) -> None:
    daemon.add_model("m")
    daemon.start()
    doors = {"open-folder", "stale-socket", "open-socket", "mute-daemon", "old-daemon", "no-models"}
    assert not names(hob("doctor", "--json").out) & doors


def test_killed_daemons_socket_and_loose_directory_are_found(hob: CommandLine, daemon: RunningDaemon) -> None:
    daemon.start()
    assert daemon.process is not None
    daemon.process.kill()
    daemon.process.wait()
    daemon.socket.parent.chmod(0o755)
    told = hob("doctor", "--json")
    assert {"stale-socket", "open-folder", "no-models"} <= names(told.out)
    assert told.code == 11


def test_doctor_starts_no_daemon_and_says_what_to_do(hob: CommandLine, daemon: RunningDaemon) -> None:
    told = hob("doctor")
    assert "there is no model in" in told.out and "put a GGUF file there" in told.out
    assert not daemon.socket.exists()
