"""The first worker, which starts before the daemon has read what it is for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hobd.broker import spawning
from hobd.broker.supervisor import PythonSpawner

from tests.daemon import await_true

IDLE = ("-c", "import time; time.sleep(60)")


@pytest.fixture
def spawner() -> PythonSpawner:
    return PythonSpawner(sandbox="none", module=IDLE, first=spawning.start(IDLE, "none"))


async def let_go_of(spawner: PythonSpawner, process: subprocess.Popen[bytes]) -> None:
    spawner.let_go()
    await asyncio.to_thread(await_true, lambda: process.returncode is not None, "its end was seen")
    spawner.let_go()  # of none


def test_worker_that_nobody_asked_for_is_let_go(spawner: PythonSpawner) -> None:
    first = spawner._first
    assert first is not None
    asyncio.run(let_go_of(spawner, first.process))
    assert first.process.returncode == -signal.SIGKILL and first.sock.fileno() == -1


async def two(spawner: PythonSpawner, before: Callable[[], None]) -> list[int]:
    """The ids of the first two workers that it gives."""
    before()
    workers = [spawner.spawn(), spawner.spawn()]
    for worker in workers:
        worker.kill()
        await worker.wait()
        worker.hang_up()
    return [worker.pid for worker in workers]


def test_first_worker_is_started_before_the_daemon_imports_its_parts(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom hobd import main\n"
        "def start(module, sandbox):\n"
        "    print(sandbox, {'hobd.daemon', 'asyncio', 'grpclib'} & set(sys.modules))\n"
        "    raise SystemExit\n"
        "main.spawning.start = start\n"
        "main.run(['--load', 'any', '--socket', sys.argv[1]], None, '')\n"
    )
    command = [sys.executable, "-I", "-c", code, tmp_path / "hob.sock"]
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    assert subprocess.check_output(command, env=environment, text=True) == "enforce set()\n"


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
