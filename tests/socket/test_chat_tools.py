"""`hob chat --tools` in a terminal and in a pipe: what is shown, asked, done, refused and recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.daemon import RunningDaemon
from tests.fakes.daemon import HANG, tell
from tests.fakes.dialogue import Dialogue, call

HOB = Path(sys.executable).with_name("hob")
WAIT_SECONDS = 60
EDIT = call("edit_file", path="a.txt", old_text="old", new_text="new")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/a.txt").write_text("old\n")
    return tmp_path / "project"


def environment(project: Path, socket: Path | None = None) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(project.parent),
        "HOB_SOCKET": str(socket or project.parent / "hob.sock"),
        "TERM": "xterm",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }


@contextmanager
def talking(project: Path, *scripts: tuple[Any, ...]) -> Iterator[tuple[pexpect.spawn, Dialogue]]:
    """A person at a terminal, who has asked something."""
    with Dialogue(project.parent / "hob.sock", *scripts) as daemon:
        terminal = pexpect.spawn(
            str(HOB), ["chat", "--tools"], cwd=project, env=environment(project), timeout=WAIT_SECONDS
        )
        terminal.expect(">>>")
        terminal.send("go\r")
        yield terminal, daemon
        terminal.close()


def pipe(project: Path, *arguments: str, socket: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HOB, "chat", "--tools", *arguments],
        cwd=project,
        env=environment(project, socket),
        input="go\n",
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
    )


def policy(project: Path, text: str) -> None:
    path = project.parent / ".config/hob/tools.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o600)


def test_change_is_shown_and_made_after_a_yes(project: Path) -> None:
    with talking(project, EDIT, tell("It is done.")) as (terminal, _):
        terminal.expect(r"\* edit a\.txt")
        terminal.expect(r"-old.*\+new")
        terminal.expect(r"allow\?")
        assert (project / "a.txt").read_text() == "old\n"
        terminal.send("y\r")
        terminal.expect("It is done.")
    assert (project / "a.txt").read_text() == "new\n"


def test_no_and_why_reaches_the_model_and_changes_nothing(project: Path) -> None:
    with talking(project, EDIT, tell("I see.")) as (terminal, daemon):
        terminal.expect(r"allow\?")
        terminal.send("perhaps\r")
        terminal.expect(r"allow\?")
        terminal.send("no, not this file\r")
        terminal.expect("I see.")
    assert daemon.results() == ["error: the user does not allow this: not this file"]
    assert (project / "a.txt").read_text() == "old\n"


def test_always_is_asked_once(project: Path) -> None:
    again = call("edit_file", path="a.txt", old_text="new", new_text="newer")
    with talking(project, EDIT, again, tell("All done.")) as (terminal, _):
        terminal.expect(r"allow\?")
        terminal.send("a\r")
        terminal.expect("All done.")
    assert (project / "a.txt").read_text() == "newer\n"


def test_interrupt_at_the_question_stops_the_answer_and_not_the_chat(project: Path) -> None:
    with talking(project, EDIT, tell("Another answer.")) as (terminal, daemon):
        terminal.expect(r"allow\?")
        terminal.sendintr()
        terminal.expect(">>>")
        terminal.send("and now?\r")
        terminal.expect("Another answer.")
    assert daemon.results() == ["error: it was cancelled"]
    assert (project / "a.txt").read_text() == "old\n"


def test_interrupt_in_an_answer_ends_it_at_the_daemon(project: Path) -> None:
    started, said, _ = tell("Hello")
    with talking(project, (started, said, HANG)) as (terminal, daemon):
        terminal.expect("Hello")
        terminal.sendintr()
        terminal.expect(">>>")
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_pipe_has_nobody_to_ask(project: Path) -> None:
    with Dialogue(project.parent / "hob.sock", EDIT, tell("Hm.")) as daemon:
        told = pipe(project)
    assert told.returncode == 0 and told.stdout.strip() == "Hm." and "a.txt" in told.stderr
    assert daemon.results() == ["error: the user does not allow this: nobody is there who could be asked"]


def test_json_tells_calls_and_results_that_the_policy_allows(project: Path) -> None:
    policy(project, '[tools]\nwrite = "allow"\n')
    with Dialogue(project.parent / "hob.sock", EDIT, tell("Hm.")):
        events = [json.loads(line) for line in pipe(project, "--json").stdout.splitlines()]
    (begun,) = [event for event in events if event["event"] == "call"]
    (ended,) = [event for event in events if event["event"] == "result"]
    assert begun["diff"][-2:] == ["-old", "+new"] and ended["done"] and begun["id"] == ended["id"]
    record = (project.parent / ".local/state/hob/tools.log").read_text()
    assert json.loads(record)["decision"] == "policy" and "old" not in record


def test_command_gets_no_secrets_and_no_network(project: Path) -> None:
    policy(project, '[tools]\nshell = "allow"\n')
    command = "env; pwd; ls /sys/class/net 2>/dev/null; cat /proc/net/dev"
    with Dialogue(project.parent / "hob.sock", call("run_command", command=command), tell("Ran.")) as daemon:
        told = pipe(project)
    (result,) = daemon.results()
    if "nothing was run" in result:
        pytest.skip(f"no network can be taken from a command here: {result}")
    assert "HOB_SOCKET" not in result and str(project) in result and told.returncode == 0
    devices = [line.split(":")[0].strip() for line in result.splitlines() if ":" in line and "|" not in line]
    assert "lo" in devices and not [name for name in devices if name.startswith(("eth", "en", "wl"))]


def test_server_that_may_use_a_network_is_not_started_offline(project: Path, daemon: RunningDaemon) -> None:
    policy(project, f'[tools]\nnetwork = "ask"\n[mcp.net]\ncommand = "{sys.executable}"\n')
    daemon.add_model("fake")
    daemon.start("--set", "engine.context_tokens=32768", "--set", "engine.kv_cells=32768")
    told = pipe(project, "--max-tokens", "2", socket=daemon.socket)
    assert "the MCP server net, which may use a network, is off, because hob is offline" in told.stderr


def test_policy_with_a_mistake_ends_before_anything_starts(project: Path) -> None:
    policy(project, '[tools]\nread = "maybe"\n')
    told = pipe(project, "--no-start")
    assert told.returncode == 4 and "[tools] read" in told.stderr and told.stderr.count("\n") == 1


def test_tools_shows_what_is_allowed_and_why(project: Path) -> None:
    policy(project, '[tools]\nshell = "ask"\n[mcp.notes]\ncommand = "n"\n')
    run = {"cwd": project, "env": environment(project), "capture_output": True, "text": True, "check": True}
    told = json.loads(subprocess.run([HOB, "tools", "--json"], **run).stdout)  # type: ignore[call-overload]
    rules = {rule["name"]: (rule["may"], rule["because"]) for rule in told["rules"]}
    assert rules["read"] == ("once", "the default") and rules["shell"][0] == "ask"
    assert rules["shell"][1].startswith("[tools] shell in ") and rules["mcp.notes"][0] == "deny"
    shown = subprocess.run([HOB, "tools"], **run).stdout  # type: ignore[call-overload]
    assert "asks the first time in a session" in shown and "tools.log" in shown
