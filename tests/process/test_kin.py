"""A worker's processes as psutil tells of them: what macOS and Windows have, shown on real processes here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from hobd.broker import kin

FORK = """
import os, sys
held = bytearray(os.urandom(1)) * 40_000_000
child = os.fork()
print(child, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", FORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_memory_of_a_process_and_its_children_is_counted(parent: subprocess.Popen[str]) -> None:
    assert len(kin.processes(parent.pid)) == 2
    assert kin.resident_bytes(parent.pid) > 80_000_000


def test_child_that_outlives_its_parent_is_ended(parent: subprocess.Popen[str]) -> None:
    whole = kin.processes(parent.pid)
    parent.kill()
    parent.wait()
    kin.see_off(whole, patience_seconds=0.1)
    # One that nobody waits for stays in the table until its new parent has.
    assert [
        process for process in whole if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ] == []


def test_process_that_is_gone_has_no_kin() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert kin.processes(gone.pid) == [] and kin.resident_bytes(gone.pid) == 0
