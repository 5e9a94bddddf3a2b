"""What a process looks like from outside, told from a made-up /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hobd.broker.machine import observe_machine
from hobd.broker.observing import observe, running_modules

STATUS = "Seccomp:\t2\nSeccomp_filters:\t1\nNoNewPrivs:\t1\nCapEff:\t0000000000000000\nVmSwap:\t0 kB\n"
LIMITS = (
    "Limit              Soft Limit  Hard Limit  Units\nMax core file size 0           0           bytes\n"
)
TCP = "sl local rem st tx tr retrnsmt uid timeout inode\n0: 0100007F:1F90 0:0 0A 0:0 0:0 0 0 0 4242 1\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for folder in ("7/task/7", "7/task/8", "7/fd", "7/net", "self"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("7/task/7/status", "7/task/8/status", "self/status"):
        (tmp_path / path).write_text(STATUS)
    (tmp_path / "self/status").write_text(STATUS.replace("0000000000000000", "000001ffffffffff"))  # root's
    (tmp_path / "7/limits").write_text(LIMITS)
    (tmp_path / "7/coredump_filter").write_text("00000000\n")
    (tmp_path / "7/status").write_text(STATUS)
    (tmp_path / "7/net/tcp").write_text(TCP)
    (tmp_path / "7/fd/3").symlink_to("socket:[17]")
    return tmp_path


def failed(proc: Path) -> list[str]:
    return [each.property for each in observe(7, proc) if not each.held]


def test_sound_process_is_told_as_such(proc: Path) -> None:
    assert len(observe(7, proc)) == 7
    assert failed(proc) == []


@pytest.mark.parametrize(
    ("file", "sound", "broken", "property"),
    [
        ("7/task/8/status", "Seccomp:\t2", "Seccomp:\t0", "filtered"),
        ("7/task/8/status", "NoNewPrivs:\t1", "NoNewPrivs:\t0", "no_new_privileges"),
        ("7/task/8/status", "CapEff:\t00", "CapEff:\t01", "no_capabilities"),
        ("7/limits", "0           bytes", "unlimited   bytes", "no_core_files"),
        ("7/net/tcp", "4242", "17", "no_network_open"),
        ("7/coredump_filter", "00000000", "00000033", "no_memory_in_cores"),
        ("7/coredump_filter", "00000000", "?", "no_memory_in_cores"),
        ("7/status", "VmSwap:\t0 kB", "VmSwap:\t4 kB", "not_swapped"),
    ],
)
def test_each_property_seen_from_outside_can_fail(
    proc: Path, file: str, sound: str, broken: str, property: str
) -> None:
    path = proc / file
    path.write_text(path.read_text().replace(sound, broken))
    assert failed(proc) == [property]


def test_descriptors_that_anybody_can_list_are_no_secret(proc: Path) -> None:
    (proc / "self/status").write_text(STATUS)  # whoever looks has no rights, and yet sees
    assert failed(proc) == ["hidden"]


def test_own_descriptors_are_no_secret_to_oneself(proc: Path) -> None:
    (proc / "self/status").unlink()
    (proc / "self").rmdir()
    (proc / "self").symlink_to("7")
    assert failed(proc) == []


def test_process_that_has_ended_shows_nothing(proc: Path) -> None:
    assert observe(8, proc) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "proc/swaps": "Filename Type Size Used Priority\n",
        "proc/self/status": STATUS,
        "proc/self/cgroup": "0::/hob\n",
        "proc/sys/kernel/core_pattern": "core\n",
        "proc/sys/fs/suid_dumpable": "0\n",
        "sys/fs/cgroup/hob/memory.swap.max": "max\n",
        "sys/block/dm-9/dm/uuid": "CRYPT-PLAIN-swap\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "failed"),
    [
        ("proc/swaps", "Filename\n", []),
        ("proc/swaps", "Filename\n/dev/sda2 partition 1 0 -2\n", ["no_plain_swap"]),
        ("proc/swaps", "Filename\n/dev/zram0 partition 1 0 -2\n/dev/dm-9 partition 1 0 -3\n", []),
        ("proc/self/status", STATUS.replace("VmSwap:\t0", "VmSwap:\t8"), ["no_plain_swap"]),
        ("proc/sys/fs/suid_dumpable", "1\n", []),
        ("proc/sys/kernel/core_pattern", "|/usr/bin/handler\n", []),
    ],
    ids=["none", "plain", "safe", "swapped", "dumpable", "handler"],
)
def test_machine_is_judged_by_its_swap_and_its_cores(
    root: Path, file: str, text: str, failed: list[str]
) -> None:
    (root / file).write_text(text)
    assert [each.property for each in observe_machine(root) if not each.held] == failed


def test_plain_swap_that_the_cgroup_may_not_use_is_none(root: Path) -> None:
    (root / "proc/swaps").write_text("Filename\n/dev/sda2 partition 1 0 -2\n")
    (root / "sys/fs/cgroup/hob/memory.swap.max").write_text("0\n")
    assert all(each.held for each in observe_machine(root))


def test_handler_of_cores_that_ignores_dumpable_is_told(root: Path) -> None:
    (root / "proc/sys/fs/suid_dumpable").write_text("2\n")
    (root / "proc/sys/kernel/core_pattern").write_text("|/usr/bin/handler\n")
    assert [each.property for each in observe_machine(root) if not each.held] == ["no_core_handler"]


def test_own_process_can_be_observed() -> None:
    assert {each.property for each in observe(os.getpid())} >= {"filtered", "no_capabilities"}


def test_programs_of_ours_are_found_by_what_python_was_told_to_run(tmp_path: Path) -> None:
    lines = {"7": "python -I -m hob_gateway run", "8": "editor hob_gateway", "self": "-m hob_gateway"}
    for pid, words in lines.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes(words.replace(" ", "\0").encode())
    (tmp_path / "9").mkdir()  # it has just ended
    assert list(running_modules("hob_gateway", tmp_path)) == [7]
