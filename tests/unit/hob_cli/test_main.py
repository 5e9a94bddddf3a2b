"""The command line itself: help, usage, completion, and what a bug looks like."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hob_cli.main import COMMANDS, cli
from hob_cli.render import age, size

from tests.command_line import CommandLine


@pytest.fixture
def hob(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(capsys, monkeypatch)


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_help_is_the_command_s_own(name: str) -> None:
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None and command.help is not None
    assert command.help.startswith(COMMANDS[name].rstrip("."))


def test_help_has_commands_and_exit_codes(hob: CommandLine) -> None:
    outcome = hob("--help")
    assert outcome.code == 0
    assert "completion" in outcome.out and "130  interrupted" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "did you mean 'run'"),
        (["run", "--temprature", "1"], "--temperature"),
        (["run", "--raw", "--system", "x", "hi"], "--system"),
        (["stop"], "exactly one"),
    ],
    ids=["command", "option", "combination", "missing"],
)
def test_usage_error_is_one_sentence(hob: CommandLine, arguments: list[str], words: str) -> None:
    outcome = hob(*arguments)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith("hob: ") and words in outcome.err


def test_json_error_can_be_parsed(hob: CommandLine) -> None:
    error = json.loads(hob("--json", "rnu").err)["error"]
    assert error["code"] == "usage"


def test_relative_socket_of_the_environment_is_refused(
    hob: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOB_SOCKET", "hob.sock")
    outcome = hob("ps")
    assert (outcome.code, "absolute path" in outcome.err) == (4, True)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_bug_is_admitted_without_traceback_or_prompt(
    hob: CommandLine, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("secret")

    monkeypatch.setattr("hob_cli.connection.Connection.reach", fail)
    outcome = hob(*["--json"] * as_json, "ps")
    assert outcome.code == 1
    assert "secret" not in outcome.err and "Traceback" not in outcome.err
    assert "ValueError in test_main.py" in outcome.err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_script_names_hob(hob: CommandLine, shell: str) -> None:
    outcome = hob("completion", shell)
    assert outcome.code == 0 and "_HOB_COMPLETE" in outcome.out


@pytest.mark.parametrize(
    ("num_bytes", "expected"), [(0, "0 B"), (98_362_432, "93.8 MiB"), (3 << 40, "3.0 TiB")]
)
def test_sizes_read_well(num_bytes: int, expected: str) -> None:
    assert size(num_bytes) == expected


def test_age_takes_the_largest_unit() -> None:
    now = datetime.now(UTC)
    ages = [age(now - timedelta(seconds=seconds), now) for seconds in (5, 61, 7200, 86400)]
    assert [*ages, age(None)] == ["5 s", "1 min", "2 h", "1 d", "-"]
