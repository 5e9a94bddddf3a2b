"""A process that walks into its own walls, with walls and without."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

REPORT = """
import json, os
from hobd.sandbox import enter, selftest
{prepare}
print(json.dumps([each._asdict() for each in selftest.run(selftest.{properties}, os.getppid())]))
"""
PRIVATE = ("filtered", "no_new_privileges", "not_dumpable", "no_core_files", "descriptors")


def report(prepare: str, properties: str = "WORKER") -> dict[str, dict[str, Any]]:
    script = REPORT.format(prepare=prepare, properties=properties)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    return {each["property"]: each for each in json.loads(done.stdout)}


def failed(prepare: str, properties: str = "WORKER") -> set[str]:
    return {name for name, each in report(prepare, properties).items() if not each["held"]}


def test_nothing_that_a_filter_must_stop_holds_without_one() -> None:
    """Only as an administrator: others are refused some of it by the system anyway."""
    without = failed("import resource; resource.setrlimit(resource.RLIMIT_CORE, (1, 1))")
    assert without >= {"no_network_sockets", "no_connect", "no_local_sockets", "no_exec", "no_namespaces"}
    assert without >= {"no_files", "no_new_code", "filtered", "not_dumpable", "no_core_files"}


def test_daemon_holds_what_it_claims() -> None:
    assert failed("enter.forbid_connect(enter.enter_daemon())", "DAEMON") == set()


def test_daemon_before_its_doors_are_open_can_connect() -> None:
    assert failed("enter.enter_daemon()", "DAEMON") == {"no_connect"}


def test_worker_fails_in_nothing_that_its_filter_stops() -> None:
    assert failed("enter.enter_worker()") <= {"no_files", "no_new_code", "no_signals"}


@pytest.mark.parametrize(
    ("breach", "property"),
    [
        ("import ctypes; ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)", "not_dumpable"),
        ("os.open('/etc/passwd', os.O_RDONLY)", "descriptors"),
        ("os.open('/', os.O_RDONLY)", "descriptors"),
    ],
    ids=["dumpable", "file", "folder"],
)
def test_breach_after_the_walls_rose_is_seen(breach: str, property: str) -> None:
    assert property in failed(f"enter.enter_daemon(); {breach}", "DAEMON")


def test_network_socket_that_was_there_before_is_seen() -> None:
    found = report("import socket; s = socket.socket(); ", "DAEMON")["descriptors"]
    assert not found["held"]
    assert "network socket (family 2)" in found["observed"]


def test_attempts_leave_nothing_open() -> None:
    script = "import os; from hobd.sandbox import selftest as s; before = list(s.descriptors()); "
    script += "s.run(s.WORKER, os.getppid()); assert list(s.descriptors()) == before"
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
