"""What tools start: commands that give rights up and end in time, and MCP servers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from hob import landlock
from hob_client.agent.consent import Gate, Question, Reply, Word
from hob_client.agent.journal import Journal
from hob_client.agent.mcp_servers import MOST_DESCRIPTION, Servers, named
from hob_client.agent.policy import Policy, parse_policy
from hob_client.agent.shell import command_line, run_here
from hob_client.agent.toolbox import Toolbox
from hob_client.agent.values import Action, Call, Outcome, ToolFault
from hob_client.errors import InvalidRequest, NotPermitted

from tests.daemon import await_true, has_ended

CONFINED = """
import sys
from hob import landlock
from hob_client.agent import confined
{}
confined.main(sys.argv[1:])
"""
SERVER = """
import os
from mcp.server import MCPServer
server = MCPServer("notes")

@server.tool(description="d" * 5000)
def shout(text: str) -> str:
    return text.upper() + os.environ.get("GIVEN", "") + os.environ.get("KEPT", "")

@server.tool()
def die() -> str:
    os._exit(1)

@server.tool()
def network() -> str:
    return os.readlink("/proc/self/ns/net")

@server.tool()
def other() -> str:
    return ""

server.run()
"""


async def run(
    command: str, folder: Path, *, seconds: int = 60, has_network: bool = True, below: Path | None = None
) -> tuple[str, int | None]:
    line = command_line(command, seconds, has_network=has_network, writes_below=below)
    return await run_here(line, folder, seconds)


def test_command_tells_its_output_and_status(tmp_path: Path) -> None:
    output, status = asyncio.run(run("pwd; echo wrong >&2; exit 3", tmp_path))
    assert (output, status) == (f"{tmp_path}\nwrong\n", 3)


def test_command_can_gain_no_rights_and_dumps_no_core(tmp_path: Path) -> None:
    output, _ = asyncio.run(run("grep NoNewPrivs /proc/self/status; ulimit -c", tmp_path))
    assert output == "NoNewPrivs:\t1\n0\n"


def test_command_gets_what_is_needed_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "canary")
    monkeypatch.setenv("SSH_AUTH_SOCK", "canary")
    output, _ = asyncio.run(run("env", tmp_path))
    assert "canary" not in output and "PATH=" in output


def test_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(ToolFault, match="longer than 1 s"):
        asyncio.run(run("sleep 987 & echo $! > child; sleep 987", tmp_path, seconds=1))
    child = int((tmp_path / "child").read_text())
    await_true(lambda: has_ended(child), "what it started has ended")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder beside something precious."""
    (tmp_path / "precious").write_text("kept\n")
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


async def run_changed(
    change: str, command: str, project: Path, *, has_network: bool
) -> tuple[str, int | None]:
    """As `run`, with a line of Python that changes something before."""
    line = command_line(command, 60, has_network=has_network, writes_below=project)
    line[1:4] = ["-c", CONFINED.format(change)]
    return await run_here(line, project, 60)


@pytest.mark.skipif(not landlock.version(), reason="no Landlock here")
@pytest.mark.parametrize("has_network", [True, False], ids=["with a network", "without"])
def test_command_changes_the_working_directory_and_nothing_beside_it(
    project: Path, has_network: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    attempts = "echo a > made; mkdir sub; mv made sub/; echo b > ../new; rm -f ../precious; cat ../precious"
    no_tmp = "confined.SHARED = ()"  # where the tests' own folders are
    output, _ = asyncio.run(run_changed(no_tmp, attempts, project, has_network=has_network))
    assert output.endswith("kept\n") and output.count("Permission denied") == 2
    assert sorted(path.name for path in project.parent.iterdir()) == ["precious", "project"]
    assert (project / "sub/made").read_text() == "a\n"


@pytest.mark.skipif(not landlock.version(), reason="no Landlock here")
def test_command_reaches_temporary_files_and_devices_and_no_other_process(project: Path) -> None:
    attempts = f"echo x > /dev/null && rm $(mktemp) && echo yes; kill -0 {os.getpid()} || echo no"
    output, _ = asyncio.run(run(attempts, project, below=project))
    assert output.startswith("yes\n") and (output.endswith("no\n") or landlock.version() < 6)


def test_command_that_cannot_be_kept_inside_is_not_run(project: Path) -> None:
    none = "landlock.version = lambda: 0"
    output, status = asyncio.run(run_changed(none, "echo ran", project, has_network=True))
    assert "ran" not in output.splitlines() and 'shell_writes = "anywhere"' in output and status == 125


def test_output_is_bounded(tmp_path: Path) -> None:
    output, status = asyncio.run(run("head -c 3000000 /dev/zero | tr '\\0' x", tmp_path))
    assert len(output) == 256 << 10 and status == 0


class Bench:
    """A toolbox with a server of tools, in a folder; the person always says yes."""

    def __init__(self, folder: Path, rules: dict[str, str] | None = None, **fields: Any) -> None:
        (folder / "server.py").write_text(SERVER)
        table = {"command": sys.executable, "args": [str(folder / "server.py")], "network": False, **fields}
        self.policy: Policy = parse_policy({"tools": rules or {}, "mcp": {"notes": table}}, "tools.toml")
        self.box = Toolbox(self.policy, Gate(self.policy, self._ask), Journal("chat", folder / "log"), self)
        self.times_online = 0
        self.servers = Servers(self.policy, folder, self._online)

    async def start(self) -> int:
        return await self.servers.start(self.policy.servers["notes"], self.box)

    async def call(self, name: str, **arguments: Any) -> Outcome:
        return await self.box.run(Call(id="1", name=f"notes__{name}", arguments=arguments))

    async def begin(self, call: Call, action: Action) -> None: ...
    async def end(self, call: Call, outcome: Outcome) -> None: ...

    async def _ask(self, question: Question) -> Word:
        return Word(reply=Reply.YES)

    async def _online(self, purpose: str) -> None:
        self.times_online -= 1
        if self.times_online < 0:
            raise NotPermitted(f"{purpose} is off")


async def use(bench: Bench, *calls: tuple[str, dict[str, Any]]) -> list[str]:
    try:
        await bench.start()
        return [(await bench.call(name, **arguments)).text for name, arguments in calls]
    finally:
        await bench.servers.close()


def test_server_of_the_policy_is_used_with_the_variables_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = set(psutil.Process().children())
    monkeypatch.setenv("GIVEN", "1")
    monkeypatch.setenv("KEPT", "2")
    bench = Bench(tmp_path, environment=["GIVEN"], tools=["shout", "die"])
    told = asyncio.run(use(bench, ("shout", {"text": "hi"}), ("die", {}), ("shout", {"text": "hi"})))
    assert told[0] == "HI1" and told[1].startswith("error: the server notes")
    assert told[2].startswith("error: the server notes")
    assert bench.box.names == ("notes__shout", "notes__die")
    assert len(bench.box.offered()[0]["description"]) == MOST_DESCRIPTION
    assert set(psutil.Process().children()) <= others


def test_server_that_may_use_a_network_is_denied_unless_the_policy_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotPermitted, match="denied by the default"):
        asyncio.run(use(Bench(tmp_path, network=True)))


def test_switch_is_asked_when_a_server_starts_and_before_each_call(tmp_path: Path) -> None:
    bench = Bench(tmp_path, rules={"network": "ask"}, network=True)
    with pytest.raises(NotPermitted, match="which may use a network, is off"):
        asyncio.run(use(bench))
    bench.times_online = 2  # the start and one call
    told = asyncio.run(use(bench, ("shout", {"text": "a"}), ("shout", {"text": "b"})))
    assert told[0] == "A" and "which may use a network, is off" in told[1]


@pytest.mark.parametrize("has_network", [True, False], ids=["uses one", "uses none"])
def test_server_that_uses_no_network_has_none(tmp_path: Path, has_network: bool) -> None:
    bench = Bench(tmp_path, rules={"network": "ask"}, network=has_network)
    bench.times_online = 2
    (told,) = asyncio.run(use(bench, ("network", {})))
    assert (told == os.readlink("/proc/self/ns/net")) is has_network and told.startswith("net:")


def test_server_that_cannot_be_kept_from_networks_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = ["sh", "-c", "echo 'hob: it cannot be made to leave all networks; nothing was run' >&2; exit 125"]
    monkeypatch.setattr("hob_client.agent.mcp_servers.without_network", lambda argv: fails)
    with pytest.raises(NotPermitted, match=r"leave all networks; .* say network = true in \[mcp.notes\]"):
        asyncio.run(use(Bench(tmp_path)))


@pytest.mark.parametrize("command", ["/nowhere/program", "false"])
def test_server_that_does_not_come_up_is_one_sentence(tmp_path: Path, command: str) -> None:
    with pytest.raises(InvalidRequest, match="the MCP server notes cannot be used"):
        asyncio.run(use(Bench(tmp_path, command=command)))


def test_server_is_what_the_policy_says_or_nothing(tmp_path: Path) -> None:
    policy = Bench(tmp_path).policy
    good = policy.servers["notes"]
    assert named(policy, "notes", good.command, good.args) is good
    for name, command, args in (
        ("n", good.command, good.args),
        ("notes", "sh", good.args),
        ("notes", good.command, ()),
    ):
        with pytest.raises(NotPermitted):
            named(policy, name, command, args)
