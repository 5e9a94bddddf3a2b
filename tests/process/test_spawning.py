"""The first worker, which starts before the daemon has read what it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hobd.broker import spawning
from hobd.broker.supervisor import PythonSpawner

IDLE = ("-c", "import time; time.sleep(60)")


@pytest.fixture
def spawner() -> PythonSpawner:
    return PythonSpawner(sandbox="none", module=IDLE, first=spawning.start(IDLE, "none"))


async def two(spawner: PythonSpawner, before: Callable[[], None]) -> list[int]:
    """The ids of the first two workers that it gives."""
    before()
    workers = [spawner.spawn(), spawner.spawn()]
    for worker in workers:
        worker.kill()
        await worker.wait()
        worker.hang_up()
    return [worker.pid for worker in workers]


def test_worker_that_was_started_already_is_given_once(spawner: PythonSpawner) -> None:
    first = spawner._first
    assert first is not None
    given = asyncio.run(two(spawner, lambda: None))
    assert given[0] == first.process.pid != given[1]


def test_worker_that_died_meanwhile_is_not_given(spawner: PythonSpawner) -> None:
    first = spawner._first
    assert first is not None

    def die() -> None:
        first.process.kill()
        first.process.wait()

    assert first.process.pid not in asyncio.run(two(spawner, die))
    assert first.sock.fileno() == -1
