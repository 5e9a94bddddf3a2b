"""`hob link`: links that stay up, for any client."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from hob_client import Client
from hob_client.errors import DaemonUnreachable
from hob_client.remote import links

from tests.daemon import RunningDaemon, await_true
from tests.far import FarMachine
from tests.remote.conftest import Near


@pytest.fixture
def box(near: Near, far: FarMachine) -> Iterator[str]:
    """A link that is up, called box."""
    assert near.hob("link", "add", "box", far.url).returncode == 0
    up = near.hob("link", "up", "box")
    assert up.returncode == 0, up.stderr
    yield "box"
    assert near.hob("link", "remove", "box").returncode == 0


def test_link_serves_any_client_by_its_socket(near: Near, box: str, there: RunningDaemon) -> None:
    path = near.hob("link", "path", box).stdout.strip()
    with Client(path) as one, Client(path) as another:
        assert one.ask("ok", "hi", max_tokens=2).text == another.ask("ok", "hi", max_tokens=2).text
    told = near.hob("--json", "status", HOB_SOCKET=path)
    assert json.loads(told.stdout)["pid"] == there.pid


def test_link_is_used_by_its_name(near: Near, box: str, there: RunningDaemon) -> None:
    told = near.hob("--host", box, "--json", "status")
    assert json.loads(told.stdout)["pid"] == there.pid and not near.left_over()


def test_two_clients_of_a_link_do_not_wait_for_each_other(near: Near, box: str) -> None:
    with Client(links.path_of(box)) as slow, Client(links.path_of(box)) as quick:
        with closing(slow.chat("slow", "hi", max_tokens=500, ignore_eos=True)) as answer:
            next(event for event in answer if event.kind == "delta")
            assert quick.ask("ok", "hi", max_tokens=2).text


def test_link_that_is_cut_comes_back(near: Near, far: FarMachine, box: str, there: RunningDaemon) -> None:
    far.cut()
    await_true(lambda: links.look(box).num_failures, "the keeper notices")
    await_true(lambda: links.look(box).state == "up", "the link is up again", 30)
    with Client(links.path_of(box)) as client:
        assert client.status().pid == there.pid


def test_second_keeper_changes_nothing(near: Near, box: str) -> None:
    first = links.look(box)
    assert near.hob("link", "up", box).returncode == 0
    assert links.look(box).pid == first.pid


def test_link_that_is_down_is_no_place_for_a_daemon(near: Near, far: FarMachine) -> None:
    assert near.hob("link", "add", "away", far.url).returncode == 0
    with Client(links.path_of("away")) as client, pytest.raises(DaemonUnreachable, match="link away is down"):
        client.status()
    assert near.hob("link", "status", "away").returncode == 11
    assert near.hob("link", "remove", "away").returncode == 0


def test_link_that_cannot_come_up_says_why_and_leaves_nobody(near: Near, far: FarMachine) -> None:
    assert near.hob("link", "add", "dead", f"{far.url}/nowhere/hob.sock").returncode == 0
    told = near.hob("link", "up", "dead")
    assert told.returncode == 3 and "no daemon answers at /nowhere/hob.sock" in told.stderr
    assert json.loads(near.hob("--json", "link", "list").stdout)["links"][0]["state"] == "down"
    assert near.hob("link", "remove", "dead").returncode == 0


def test_killed_keeper_leaves_no_link(near: Near, far: FarMachine, box: str) -> None:
    subprocess.run(["kill", "-KILL", str(links.look(box).pid)], check=True)
    await_true(lambda: not os.path.exists(links.path_of(box)), "its tunnel has ended")
    assert links.look(box).state == "down"
    assert near.hob("link", "up", box).returncode == 0


def test_wires_tell_of_a_link_while_it_is_up(near: Near, box: str) -> None:
    def evidence() -> str:
        wires = json.loads(near.hob("--json", "wires").stdout)["wires"]
        return next(f"{wire['state']}, {wire['evidence']}" for wire in wires if wire["name"] == "remote_link")

    told, guards = evidence(), near.tunnels()
    assert told.startswith("on, ") and guards and any(f"process {pid} " in told for pid in guards)
    assert near.hob("link", "down", box).returncode == 0
    await_true(lambda: not near.tunnels(), "its tunnel has ended")
    assert not any(f"process {pid} " in evidence() for pid in guards)


def test_offline_machine_dials_nobody(near: Near, far: FarMachine) -> None:
    near.daemon.stop()
    near.start(offline=True)
    try:
        told = near.hob("--host", far.url, "ps")
        assert told.returncode == 9 and "reaching another machine is off" in told.stderr
        near.hob("link", "add", "box", far.url)
        assert "is off, because hob is offline" in near.hob("link", "up", "box").stderr
        near.hob("link", "remove", "box")
    finally:
        near.daemon.stop()
        near.start()
