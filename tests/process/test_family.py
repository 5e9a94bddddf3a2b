"""What a worker and its children take, and when all of them are gone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hobd.broker import family
from hobd.broker.account import RAM, Line, Purpose, totals
from hobd.broker.family import Family, corrected, memory_bytes

#: A parent with 40 MB of its own, and a child that shares them.
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


@pytest.mark.parametrize("sees", ["proportions", "sums"])
def test_memory_that_parent_and_child_share_counts_once(
    parent: subprocess.Popen[str], sees: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sees == "sums":  # as for whoever is not root
        monkeypatch.setattr(family, "_proportional", lambda pid: None)
    most = 75_000_000 if sees == "proportions" else 120_000_000
    assert 40_000_000 < memory_bytes(parent.pid) < most


def test_process_that_is_gone_takes_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert memory_bytes(gone.pid) == 0


def test_family_is_gone_when_the_last_of_it_is(parent: subprocess.Popen[str]) -> None:
    async def end() -> list[Path]:
        whole = Family(parent.pid)
        children = [Path(f"/proc/{pid}/status") for pid in family.children(parent.pid)]
        parent.kill()  # its child goes on reading, until it is ended
        await whole.gone()
        return children

    [child] = asyncio.run(end())
    assert not child.exists() or "Z (zombie)" in child.read_text()


def test_measurement_beyond_the_estimate_is_overhead_and_below_it_changes_nothing() -> None:
    estimate = (Line(device=RAM, purpose=Purpose.WEIGHTS, num_bytes=100),)
    assert totals(corrected(estimate, 130)) == {RAM: 130} and corrected(estimate, 70) == estimate
