"""The switch that keeps programs off networks: what the daemon tells of it, and what they make of that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hob_client.network import Offline, require_online

from tests.daemon import RunningDaemon

HOB = Path(sys.executable).with_name("hob")


def hob(daemon: RunningDaemon, *arguments: str) -> str:
    return subprocess.run(
        [HOB, *arguments], env=daemon.environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_programs_are_refused_networks_unless_told_otherwise(daemon: RunningDaemon) -> None:
    with daemon.start().client() as client, pytest.raises(Offline, match="downloading a model is off"):
        require_online("downloading a model", client)


def test_programs_may_use_networks_once_the_user_says_so(daemon: RunningDaemon) -> None:
    with daemon.start("--set", "network.offline=false").client() as client:
        require_online("downloading a model", client)
        assert client.status().offline_decided_by == "--set network.offline"


def test_refusal_names_who_decided(daemon: RunningDaemon, tmp_path: Path) -> None:
    (tmp_path / "hob.toml").write_text("[network]\noffline = true\n")
    with daemon.start("--config", str(tmp_path / "hob.toml")).client() as client:
        with pytest.raises(Offline, match=r"by .*hob\.toml:2;"):
            require_online("serving HTTP", client)


def test_wires_lists_every_layer_and_that_none_is_on(daemon: RunningDaemon) -> None:
    daemon.start()
    told = json.loads(hob(daemon, "wires", "--json"))
    names = {wire["name"] for wire in told["wires"]}
    assert names >= {"daemon", "workers", "model_downloads", "update_check", "http_gateway", "remote_link"}
    assert names >= {"agent_tools", "mcp_servers", "editors", "telemetry"}
    on = {wire["name"] for wire in told["wires"] if wire["state"] == "on"}
    assert (
        on <= {"http_gateway", "model_downloads", "editors"} and told["offline"]
    )  # they may run beside the tests


def test_daemon_without_walls_is_told_as_on(daemon: RunningDaemon) -> None:
    daemon.has_walls = False
    with daemon.start("--set", "security.sandbox=none").client() as client:
        states = {wire.name: wire.state for wire in client.wires().wires}
    assert states["daemon"] == states["workers"] == "on"


def test_wires_are_a_table_for_people(daemon: RunningDaemon) -> None:
    told = hob(daemon.start(), "wires")
    assert "telemetry" in told and told.endswith("(network.offline, default)\n")


def test_privacy_lists_places_of_daemon_and_user(daemon: RunningDaemon) -> None:
    daemon.start("--set", "memory.pool_mb=0")
    places = {place["data"]: place for place in json.loads(hob(daemon, "privacy", "--json"))["places"]}
    assert places["sealed_prefixes"]["place"] == "nowhere"
    assert places["log"]["place"] == str(daemon.log_path)
    assert places["shell_history"]["is_on_disk"] and places["shell_history"]["has_text"]


def test_privacy_ends_with_what_may_lie_on_a_disk_in_plain(daemon: RunningDaemon) -> None:
    told = hob(daemon.start(), "privacy")
    assert "may lie on a disk in plain by:" in told.splitlines()[-1]
