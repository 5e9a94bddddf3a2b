"""What an exit status means, and a worker whose end a thread waits for, as where there is no pidfd."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys

import pytest
from hobd.broker import supervisor
from hobd.broker.exit_status import BY_THE_FILTER, FAULTS, NOT_ITS_FAULT, describe_exit


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (0, "ended with status 0"),
        (70, "ended with status 70"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-99, "killed by signal 99"),
    ],
)
def test_status_is_told_in_words(status: int, told: str) -> None:
    assert describe_exit(status) == told


def test_faults_and_kills_are_told_apart() -> None:
    assert {-signal.SIGSEGV, -signal.SIGILL, -signal.SIGBUS} == FAULTS
    assert -signal.SIGKILL in NOT_ITS_FAULT and -signal.SIGSEGV not in NOT_ITS_FAULT
    assert {-signal.SIGSYS} == BY_THE_FILTER


async def status_of(process: subprocess.Popen[bytes]) -> int:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return await asyncio.wait_for(supervisor.WorkerProcess(process, ours).wait(), 30)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_end_of_a_worker_is_learnt_on_every_system(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if platform == "linux" and sys.platform != "linux":
        pytest.skip("there is no pidfd here")
    process = subprocess.Popen([sys.executable, "-I", "-c", "import sys; sys.exit(7)"])
    monkeypatch.setattr(sys, "platform", platform)
    assert asyncio.run(status_of(process)) == 7
