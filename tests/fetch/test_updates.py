"""`hob-update-check`: asks only when it is wanted, one host, and tells it next to nothing."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hob.version import VERSION
from hob_fetch.updates import Release
from hypothesis import given
from hypothesis import strategies as st

from tests.daemon import RunningDaemon
from tests.hub import Hub

HOB = Path(sys.executable).with_name("hob")
PROGRAM = Path(sys.executable).with_name("hob-update-check")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon of somebody who wants to hear of newer versions."""
    running = RunningDaemon(tmp_path_factory.mktemp("wanted") / "home", fake_workers=False)
    running.start("--set", "network.offline=false", "--set", "network.update_check=true")
    yield running
    running.stop()


def check(daemon: RunningDaemon, hub: Hub, *command: object) -> subprocess.CompletedProcess[str]:
    config = daemon.home / ".config/hob"
    config.mkdir(parents=True, exist_ok=True)
    (config / "fetch.toml").write_text(f'[mirrors]\nupdates = "{hub.url}"\n')
    argv = [str(word) for word in command]
    return subprocess.run(
        argv, env=daemon.environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_newer_version_is_told_and_the_host_hears_no_more_than_it_must(
    wanted: RunningDaemon, hub: Hub
) -> None:
    hub.serve("/latest.json", b'{"version": "99.1"}')
    told = check(wanted, hub, HOB, "version", "--check")
    assert (told.returncode, told.stdout, told.stderr) == (0, "hob 99.1 is out\n", "")
    (asked,) = hub.asked
    assert asked.path == "/latest.json"
    assert asked.headers.pop("User-Agent") == f"hob/{VERSION} ({platform.system()})"
    assert asked.headers.keys() <= {"Host", "Accept", "Accept-Encoding", "Connection"}


def test_programs_read_json(wanted: RunningDaemon, hub: Hub) -> None:
    hub.serve("/latest.json", json.dumps({"version": VERSION}).encode())
    told = check(wanted, hub, PROGRAM, "--json", "--socket", wanted.socket)
    assert json.loads(told.stdout) == {"version": VERSION, "newest": VERSION, "is_newer": False}


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"version": 3}', b'{"version": "$(reboot)"}', b"x" * 9000])
def test_host_that_says_something_else_is_refused(wanted: RunningDaemon, hub: Hub, answer: bytes) -> None:
    hub.serve("/latest.json", answer)
    told = check(wanted, hub, PROGRAM, "--socket", wanted.socket)
    assert told.returncode == 1 and told.stdout == "" and told.stderr.count("\n") == 1


def test_being_online_is_no_wish_to_be_asked_about(online: RunningDaemon, hub: Hub) -> None:
    told = check(online, hub, PROGRAM, "--socket", online.socket)
    assert told.returncode == 9 and "network.update_check = true" in told.stderr
    assert hub.asked == []


def test_offline_it_asks_nobody(daemon: RunningDaemon, hub: Hub) -> None:
    daemon.start("--set", "network.update_check=true")
    told = check(daemon, hub, PROGRAM, "--socket", daemon.socket)
    assert told.returncode == 9 and "hob is offline" in told.stderr
    assert hub.asked == []


def test_wires_say_that_it_may_ask(wanted: RunningDaemon) -> None:
    with wanted.client() as client:
        assert [wire.state for wire in client.wires().wires if wire.name == "update_check"] == ["on"]


@given(
    st.lists(st.integers(0, 9999), min_size=2, max_size=4),
    st.lists(st.integers(0, 9999), min_size=2, max_size=4),
)
def test_versions_are_compared_by_their_numbers(one: list[int], other: list[int]) -> None:
    newest, ours = (".".join(map(str, version)) for version in (one, other))
    release = Release(newest=newest, ours=ours)
    length = max(len(one), len(other))
    padded = [[*version, *[0] * (length - len(version))] for version in (one, other)]
    assert release.is_newer == (padded[0] > padded[1])
