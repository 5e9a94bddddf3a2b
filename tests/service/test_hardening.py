"""What the shipped units promise: by systemd's own count, and inside the running unit, by the kernel."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.service.world import World

PACKAGING = Path(__file__).parents[2] / "packaging/systemd"
pytestmark = pytest.mark.service
MOST_EXPOSURE = "10"  # of 100: systemd says 1.0
UNITS = pytest.mark.parametrize(
    ("unit", "kind"), [("hobd.service", "--user"), ("hobd-system.service", "--system")]
)
REFUSED = {
    "make an IPv4 socket": {"EAFNOSUPPORT"},
    "make an IPv6 socket": {"EAFNOSUPPORT"},
    "make a netlink socket": {"EAFNOSUPPORT"},
    "write to /usr": {"EROFS"},
    "write to the home": {"EROFS"},
    "write to the models": {"EROFS"},
    "write to /root": {"EROFS", "EACCES"},
    "map memory to write and execute": {"EPERM", "EACCES"},
    "mount": {"EPERM"},
    "make a namespace": {"EPERM"},
    "see the machine's devices": {"ENOENT"},
}
FACTS = {
    "seccomp": "2",
    "no new privileges": "1",
    "capabilities": 0,
    "core limit": 0,
    "interfaces": ["lo"],
    "temporary files": ["tmpfs", "tmpfs"],
    "umask": "0o77",
}


def analyze(runtime: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime)}
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, env=environ)


@UNITS
def test_unit_is_one_that_systemd_understands_whole(unit: str, kind: str, tmp_path: Path) -> None:
    told = analyze(tmp_path, "verify", kind, "--man=no", "--recursive-errors=no", str(PACKAGING / unit))
    assert told.returncode == 0, told.stderr


@UNITS
def test_exposure_is_at_most_one(unit: str, kind: str, tmp_path: Path) -> None:
    options = ("--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager")
    told = analyze(tmp_path, "security", kind, *options, str(PACKAGING / unit))
    assert told.returncode == 0, told.stdout[-200:]


@pytest.mark.slow
@pytest.mark.parametrize("attempt", REFUSED)
def test_inside_the_unit_the_kernel_refuses_to(attempt: str, probed: dict[str, Any]) -> None:
    assert probed["attempts"][attempt] in REFUSED[attempt]


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ["make a Unix socket", "write to the state"])
def test_inside_the_unit_hobd_can(attempt: str, probed: dict[str, Any]) -> None:
    assert probed["attempts"][attempt] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("fact", FACTS)
def test_inside_the_unit_it_holds_that(fact: str, probed: dict[str, Any]) -> None:
    assert probed["facts"][fact] == FACTS[fact]


@pytest.mark.slow
def test_inside_the_unit_only_its_user_is_known(probed: dict[str, Any]) -> None:
    assert probed["facts"]["users mapped"] == ["0", "0", "1"]


@pytest.mark.slow
def test_probe_finds_the_walls_missing_outside_the_unit(probed: dict[str, Any]) -> None:
    attempts = probed["plain"]["attempts"]
    for attempt in ("make an IPv4 socket", "write to the home", "map memory to write and execute"):
        assert attempts[attempt] == "done"


@pytest.mark.slow
def test_unit_may_not_swap_and_survives_a_worker_killed_for_memory(
    probed: dict[str, Any], world: World
) -> None:
    assert world.property_of_unit("MemorySwapMax") == "0"
    assert world.property_of_unit("OOMPolicy") == "continue"
