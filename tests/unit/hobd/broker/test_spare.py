"""The spare worker: one at most, in quiet moments, replaced when it is taken and ever later when it dies."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine

import pytest
from hobd.broker.spare import SpareWorker


class FakeProcess:
    """A worker that lives until somebody ends it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.sock, self._theirs = socket.socketpair()
        self._theirs.close()
        self._exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def hang_up(self) -> None:
        self.sock.close()

    async def wait(self) -> int:
        return await asyncio.shield(self._exited)

    def kill(self) -> None:
        if not self._exited.done():
            self._exited.set_result(-9)


class FakeSpawner:
    def __init__(self) -> None:
        self.born: list[FakeProcess] = []
        self.num_refusals = 0

    def spawn(self) -> FakeProcess:
        if self.num_refusals:
            self.num_refusals -= 1
            raise OSError(12, "no memory")
        self.born.append(FakeProcess(len(self.born) + 1))
        return self.born[-1]


Scenario = Callable[[SpareWorker, FakeSpawner, asyncio.Event], Coroutine[None, None, None]]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario: Scenario) -> FakeSpawner:
    async def main() -> FakeSpawner:
        spawner, quiet = FakeSpawner(), asyncio.Event()
        spare = SpareWorker(spawner)  # type: ignore[arg-type]
        keeping = asyncio.create_task(spare.keep(quiet.wait))  # type: ignore[arg-type]
        await settle()
        await scenario(spare, spawner, quiet)
        keeping.cancel()
        await asyncio.wait((keeping,))
        for process in spawner.born:
            process.sock.close()
        return spawner

    return asyncio.run(main())


def test_spare_is_started_in_quiet_moments_alone() -> None:
    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        assert not spawner.born and spare.take() is None
        quiet.set()
        await settle()
        assert spare.pid == 1 and len(spawner.born) == 1

    run(scenario)


def test_spare_that_was_taken_is_replaced_when_it_is_quiet_again() -> None:
    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        quiet.set()
        await settle()
        quiet.clear()
        assert spare.take() is spawner.born[0] and spare.take() is None
        await settle()
        assert len(spawner.born) == 1
        quiet.set()
        await settle()
        assert spare.pid == 2

    run(scenario)


def test_spare_that_dies_is_gone_and_not_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        quiet.set()
        await settle()
        for number in range(3):
            spawner.born[number].kill()
            await settle()
        assert pauses == [1.0, 2.0, 4.0] and spare.pid == 4

    monkeypatch.setattr("hobd.broker.spare.asyncio.sleep", note)
    run(scenario)


def test_spare_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep

    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        spawner.num_refusals = 2
        quiet.set()
        await settle()
        assert spare.pid == 1 and spawner.num_refusals == 0

    monkeypatch.setattr("hobd.broker.spare.asyncio.sleep", lambda seconds: sleep(0))
    run(scenario)


def test_spare_ends_with_who_keeps_it() -> None:
    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        quiet.set()
        await settle()

    (process,) = run(scenario).born
    assert process._exited.result() == -9


def test_one_that_was_let_go_is_replaced_when_it_is_quiet() -> None:
    async def scenario(spare: SpareWorker, spawner: FakeSpawner, quiet: asyncio.Event) -> None:
        quiet.set()
        await settle()
        quiet.clear()
        spare.let_go()
        await settle()
        assert spare.pid is None and len(spawner.born) == 1
        quiet.set()
        await settle()
        assert spare.pid == 2

    run(scenario)
