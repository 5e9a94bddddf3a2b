"""`hob door` against a real daemon, as people and scripts see it.

Must stay below its own directory.
Run by pytest.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hob_cli import exits
from hob_client import AsyncClient
from hob_client.doors import DoorSettings

from tests.command_line import CommandLine
from tests.daemon import RunningDaemon


@pytest.fixture
def hob(
    daemon: RunningDaemon, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    daemon.add_model("granted")
    daemon.start()
    monkeypatch.setenv("HOB_SOCKET", str(daemon.socket))
    monkeypatch.setenv("HOME", str(daemon.home))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return CommandLine(capsys, monkeypatch)


def ci(daemon: RunningDaemon) -> str:
    return str(daemon.socket.parent / "doors/ci/hob.sock")


def test_added_door_is_listed_shown_used_and_removed(hob: CommandLine, daemon: RunningDaemon) -> None:
    told = hob("door", "add", "ci", "--models", "grant*", "--infer-only", "--max-tokens", "4")
    assert f"door ci is open at {ci(daemon)}, and grants infer, models grant*, answers of 4" in told.err
    assert "infer, models grant*, answers of 4 tokens" in hob("door", "list").out
    assert "doors.d/ci.toml" in hob("door", "show", "ci").out
    assert "ci: " in hob("status").out and "grants infer, models grant*" in hob("status").out
    assert hob("--socket", ci(daemon), "run", "hi").code == exits.OK
    assert hob("door", "remove", "ci").code == exits.OK
    assert hob("door", "show", "ci").code == 4


def test_what_a_door_refuses_ends_with_the_code_of_not_permitted(
    hob: CommandLine, daemon: RunningDaemon
) -> None:
    hob("door", "add", "ci", "--no-raw-prompts")
    told = hob("--socket", ci(daemon), "run", "--raw", "hi")
    assert (told.code, told.out) == (exits.NOT_PERMITTED, "")
    assert "door ci takes chats only" in told.err
    told = hob("--socket", ci(daemon), "--json", "run", "--raw", "hi")
    error = json.loads((told.out + told.err).splitlines()[-1])["error"]
    assert (error["code"], error["door"], error["rule"]) == ("not_permitted", "ci", "raw_prompts")


def test_model_that_is_not_granted_ends_with_the_code_of_no_such_model(
    hob: CommandLine, daemon: RunningDaemon
) -> None:
    hob("door", "add", "ci", "--models", "other")
    assert hob("--socket", ci(daemon), "run", "-m", "granted", "hi").code == 5


def test_trial_says_the_rule_and_ends_with_it(hob: CommandLine, daemon: RunningDaemon) -> None:
    hob("door", "add", "ci", "--best-class", "batch")
    told = hob("door", "test", "ci", "--model", "granted", "--priority", "normal")
    assert (told.code, told.out) == (exits.OK, "allowed, with class batch\n")
    told = hob("door", "test", "ci", "--operation", "manage", "--json")
    assert told.code == exits.NOT_PERMITTED
    assert json.loads(told.out).items() >= {"allowed": False, "rule": "operation"}.items()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mode", "0666"), "mode 0666 lets others come to the door, and it admits none of them"),
        (("--mode", "0777"), 'mode must be "0600", "0660" or "0666"'),
        (("--user", "nobody-of-that-name"), "whom this machine does not know"),
        (("--mode", "0660", "--group", "no-such-group", "--user", "*"), "does not know; name another"),
        (("--path", "relative"), "path must be an absolute path"),
    ],
)
def test_door_that_makes_no_sense_is_refused_in_a_sentence(
    hob: CommandLine, options: tuple[str, ...], words: str
) -> None:
    told = hob("door", "add", "ci", *options)
    assert told.code == 4 and words in told.err and told.err.count("\n") == 1


def test_door_that_others_cannot_reach_is_open_with_a_note(hob: CommandLine, daemon: RunningDaemon) -> None:
    daemon.home.chmod(0o700)
    told = hob("door", "add", "ci", "--mode", "0666", "--user", "*", "--json")
    note = json.loads(told.out)["door"]["note"]
    assert "lets nobody but its owner through, so others reach the door only where" in note


def test_grant_of_a_model_that_there_is_not_is_noted(hob: CommandLine) -> None:
    told = hob("door", "add", "ci", "--models", "granted", "--models", "grunted")
    assert "no model is called grunted as yet" in told.err and told.code == exits.OK


def test_reload_says_what_it_did_and_what_it_could_not(hob: CommandLine, daemon: RunningDaemon) -> None:
    config = daemon.home / ".config/hob/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("[doors.a]\n[doors.b]\npath = '/dev/null/b.sock'\n")
    told = hob("door", "reload")
    assert told.code == exits.FAILED
    assert "doors opened: a" in told.err and "/dev/null is not a directory" in told.err


def test_usage_is_told_by_door(hob: CommandLine, daemon: RunningDaemon) -> None:
    hob("door", "add", "ci")
    hob("--socket", ci(daemon), "run", "--max-tokens", "3", "hi")
    hob("run", "--max-tokens", "3", "hi")
    usage = json.loads(hob("audit", "usage", "--json").out)["usage"]
    assert [(row["door"], row["requests"], row["num_completion_tokens"]) for row in usage] == [
        ("ci", 1, 3),
        ("owner", 1, 3),
    ]
    assert hob("audit", "verify").code == exits.OK


def test_asynchronous_client_does_the_same(hob: CommandLine, daemon: RunningDaemon) -> None:
    async def act() -> list[str]:
        async with AsyncClient(daemon.socket, start=False) as client:
            added = await client.doors.add(DoorSettings(name="ci"))
            assert Path(added.file).is_file()
            assert (await client.doors.test("ci", operation="infer")).allowed
            names = [door.door.name for door in await client.doors.list()]
            await client.doors.remove("ci")
            assert not (await client.doors.reload()).problems
            return names

    assert asyncio.run(act()) == ["owner", "ci"]
