"""Proof (a): in a network where every way out is watched, a whole session sends nothing anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.proof.evidence import Evidence

pytestmark = [pytest.mark.proof, pytest.mark.model, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> dict[str, Any]:
    """What was seen of a session, in a network namespace of its own."""
    missing = [name for name in ("unshare", "ip", "strace") if shutil.which(name) is None]
    if missing or os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        pytest.skip(f"needs root, /dev/net/tun, unshare, ip and strace; missing: {missing or 'rights'}")
    if subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a network of his own")
    folder = tmp_path_factory.mktemp("packets")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HOB_SOCKET": str(folder / "run" / "hob.sock"),
        "HOB_MODELS_DIR": str(starter_model.parent),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.proof.packets", str(folder)],
        input="What is a hob by the fire?",
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["status"] == 0, done.stderr
    return told


def test_leaks_of_each_kind_would_be_seen(seen: dict[str, Any], evidence: Evidence) -> None:
    evidence.note("leaks tried beside hob, and seen", f"{sum(seen['controls'].values())} of 5")
    assert all(seen["controls"].values()), seen["controls"]


def test_not_one_packet_leaves_nor_loops_back(seen: dict[str, Any], evidence: Evidence) -> None:
    evidence.note("packets that left", seen["packets"])
    evidence.note("packets on the loopback", seen["loopback"])
    assert (seen["packets"], seen["loopback"]) == (0, 0)


def test_no_address_of_a_network_is_ever_used(seen: dict[str, Any], evidence: Evidence) -> None:
    """The client's gRPC library makes two sockets to learn what the kernel can do, and uses neither."""
    evidence.note("calls to the kernel that name an address of a network", len(seen["addresses"]))
    evidence.note("sockets made that are not Unix ones, never used", seen["inet_sockets"] - seen["refused"])
    assert not seen["addresses"] and seen["unix_sockets"]
