"""`hob gateway` and `hob connect`, as a user types them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway


@pytest.fixture
def home(gateway: RunningGateway, door: FakeDaemon, tmp_path: Path) -> Iterator[RunningGateway]:
    """A user with no gateway yet, whose daemon runs."""
    user = RunningGateway(tmp_path / "home", gateway.socket)
    yield user
    user.command("gateway", "stop")


def test_gateway_starts_tells_where_it_is_and_ends(home: RunningGateway) -> None:
    assert "no gateway runs" in home.command("gateway", "status").stdout
    started = json.loads(home.command("--json", "gateway", "start", "--listen", "127.0.0.1:0").stdout)
    again = json.loads(home.command("gateway", "start", "--json").stdout)
    told = json.loads(home.command("gateway", "status", "--json").stdout)
    assert told["running"] and started == again and told["url"] == started["url"]
    assert "has ended" in home.command("gateway", "stop").stdout
    assert json.loads(home.command("gateway", "status", "--json").stdout) == {"running": False}


def test_gateway_that_cannot_start_says_why(home: RunningGateway, gateway: RunningGateway) -> None:
    told = home.command("gateway", "start", "--listen", f"127.0.0.1:{gateway.port}")
    assert told.returncode != 0 and "cannot listen on" in told.stderr and told.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--listen", "nowhere"], 4, "must look like"),
        (["run", "--listen", "unix:x"], 4, "absolute path"),
        (["run", "--origin", "*"], 4, "must look like https"),
        (["token", "add", "a b"], 4, "must be 1 to 64"),
        (["token", "add", "a", "--days", "0"], 4, "from 1 to 3650"),
        (["token", "revoke", "a"], 4, "there is no token 'a'"),
        (["token", "add"], 2, "NAME"),
        (["rnu"], 2, "rnu"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistake_is_one_sentence(home: RunningGateway, arguments: list[str], code: int, words: str) -> None:
    told = home.command("gateway", *arguments)
    assert (told.returncode, told.stdout) == (code, "")
    assert words in told.stderr and told.stderr.startswith("hob: ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_signal_ends_it_and_leaves_nothing(home: RunningGateway, number: signal.Signals) -> None:
    home.start()
    assert home.process is not None
    children = psutil.Process(home.process.pid).children()
    for process in [*children, home.process] if number == signal.SIGINT else [home.process]:
        process.send_signal(number)  # as a terminal does, and as systems do
    assert home.process.wait(20) == 0
    assert not psutil.wait_procs(children, 10)[1]
    assert "no gateway runs" in home.command("gateway", "status").stdout


def test_secret_is_on_stdout_alone_and_once(home: RunningGateway) -> None:
    told = home.command("gateway", "token", "add", "laptop", "--scope", "manage", "--days", "3")
    assert told.stdout.startswith("hob-") and told.stdout.strip() not in told.stderr
    (listed,) = json.loads(home.command("--json", "gateway", "token", "list").stdout)["tokens"]
    assert (listed["scopes"], listed["state"]) == (["infer", "manage"], "valid")


def test_tools_are_listed_and_wired_and_checked(gateway: RunningGateway, door: FakeDaemon) -> None:
    assert "claude-code" in gateway.command("connect").stdout.split()
    for tool in ("openai", "claude-code", "codex"):
        told = gateway.command("connect", tool, "--token", gateway.token, "--url", gateway.url, "--check")
        assert "it works: tiny answered" in told.stderr and gateway.token not in told.stderr
    assert [request.messages[-1].content[0].text for request in door.requests if hasattr(request, "tools")]


def test_check_that_fails_says_why(gateway: RunningGateway, door: FakeDaemon) -> None:
    told = gateway.command("connect", "openai", "--token", "hob-x", "--url", gateway.url, "--check")
    assert told.returncode != 0 and "a valid token is needed" in told.stderr
