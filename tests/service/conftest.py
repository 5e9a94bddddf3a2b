"""A world with systemd in it, one for all these tests, and hob as a service there.

Must skip with the reason where there can be no such world. Called by pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.world import PROBE, World, obstacle


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    if reason := obstacle():
        pytest.skip(f"no systemd of our own can run here: {reason}")
    made = World()
    yield made
    made.close()


@pytest.fixture
def service(world: World, tiny_model: Path) -> Iterator[World]:
    """Installed and started, with a tiny model."""
    world.add_model(tiny_model, "tiny")
    world.hob("service", "install")
    yield world
    world.hob("service", "uninstall")


@pytest.fixture(scope="module")
def probed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the probe found out inside the unit, before hobd started there; and, as "plain", beside it."""
    world.hob("service", "install")
    found = world.home / ".local/state/hob/probe.json"
    python = json.loads(world.hob("service", "install", "--print", "--json").stdout)["steps"]
    program = next(step["text"] for step in python if step.get("path", "").endswith("10-installation.conf"))
    interpreter = program.split('ExecStart="')[1].split('"')[0]
    drop_in = world.file(world.home / ".config/systemd/user/hobd.service.d/90-probe.conf")
    inside = world.file(Path("/home/probe.py"))
    inside.write_text(PROBE.read_text())
    drop_in.write_text(f"[Service]\nExecStartPre={interpreter} -I /home/probe.py {found}\n")
    world.run("systemctl", "--user", "daemon-reload")
    world.hob("service", "restart")
    told = json.loads(world.file(found).read_text())
    world.run(interpreter, "-I", "/home/probe.py", world.home / "plain.json")
    plain = world.file(world.home / "plain.json")
    yield {**told, "plain": json.loads(plain.read_text())}
    plain.unlink()
    world.hob("service", "uninstall")
