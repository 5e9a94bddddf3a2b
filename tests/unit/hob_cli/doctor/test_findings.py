"""Each thing that `hob doctor` finds, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hob_cli.doctor.evidence import Evidence, Place
from hob_cli.doctor.findings import judge

WELL = Evidence(
    door=Place(path=Path("/run/user/1/hob/hob.sock"), mode=0o600),
    door_folder=Place(path=Path("/run/user/1/hob"), mode=0o700),
    answers=True,
    client_version="1",
    daemon_version="1",
    confinement="no-network (seccomp)",
    models=Place(path=Path("/srv/models"), mode=0o755),
    num_models=1,
    free_disk_bytes=1 << 40,
    available_bytes=1 << 34,
    total_bytes=1 << 35,
    num_cpus=4,
    cpu_flags=frozenset({"avx2"}),
)
GPU = (("/dev/nvidiactl", True),)
AMX = {"engine_uses_amx": True}
#: What is different, what is found, and whether it is wrong.
CASES: list[tuple[dict[str, object], str, bool]] = [
    ({"door_folder": Place(path=Path("/x"), mode=0o755)}, "open-folder", True),
    ({"door_folder": Place(path=Path("/x"), mode=0o700, is_ours=False)}, "foreign-folder", True),
    ({"answers": False, "daemon_version": None}, "stale-socket", False),
    ({"door": Place(path=Path("/x/s"), mode=0o666)}, "open-socket", True),
    ({"daemon_version": None, "confinement": None}, "mute-daemon", True),
    ({"daemon_version": "0"}, "old-daemon", True),
    ({"confinement": 'none (security.sandbox = "none")'}, "unconfined", True),
    ({"has_service": True, "service_state": "failed (failed)"}, "failed-service", True),
    ({"service_runs": True, "num_restarts": 3}, "restarts", True),
    ({"num_models": 0}, "no-models", True),
    ({"models": Place(path=Path("/srv/models"), mode=0o777)}, "writable-models", True),
    ({"free_disk_bytes": 5 << 20}, "full-disk", False),
    ({"available_bytes": 5 << 20}, "little-memory", False),
    ({"has_swap": True}, "swap", False),
    ({"has_engine": False}, "no-engine", True),
    (AMX, "amx", False),
    ({**AMX, "cpu_flags": frozenset({"avx2", "hypervisor"})}, "amx", True),
    ({"cpu_flags": frozenset({"sse2"})}, "no-avx2", False),
    ({"threads": 5}, "too-many-threads", True),
    (
        {"gpu_files": (("/dev/kfd", False),), "engine_uses_gpu": True},
        "closed-gpu",
        True,
    ),
    ({"gpu_files": GPU, "engine_uses_gpu": True}, "no-gpu-driver", True),
    ({"gpu_files": GPU, "has_gpu_driver": True}, "engine-without-gpu", False),
]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert judge(WELL) == []


@pytest.mark.parametrize(("different", "name", "is_wrong"), CASES, ids=[name for _, name, _ in CASES])
def test_finding_is_made_alone_and_says_what_to_do(
    different: dict[str, object], name: str, is_wrong: bool
) -> None:
    (finding,) = judge(replace(WELL, **different))  # type: ignore[arg-type]
    assert (finding.name, finding.is_wrong) == (name, is_wrong)
    assert finding.fix and finding.what


def test_what_is_wrong_comes_first() -> None:
    found = judge(replace(WELL, has_swap=True, num_models=0, has_engine=False))
    assert [finding.is_wrong for finding in found] == [True, True, False]


def test_old_daemon_is_replaced_the_way_it_runs() -> None:
    (by_hand,) = judge(replace(WELL, daemon_version="0"))
    (as_service,) = judge(replace(WELL, daemon_version="0", service_runs=True))
    assert by_hand.fix.startswith("hob stop --daemon") and as_service.fix == "hob service restart"
