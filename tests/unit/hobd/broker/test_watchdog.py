"""The watchdog barks once, at silence with work, and at nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hobd.broker.watchdog import Watchdog


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time is what the test says; timers run when `pass_time` comes to them."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.run_until_complete(asyncio.sleep(0))
            self.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def clock() -> Iterator[Clock]:
    loop = Clock()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def barks() -> list[float]:
    return []


@pytest.fixture
def dog(clock: Clock, barks: list[float]) -> Watchdog:
    async def make() -> Watchdog:
        return Watchdog(5, barks.append)

    return clock.run_until_complete(make())


def test_silence_with_work_is_told_once(clock: Clock, dog: Watchdog, barks: list[float]) -> None:
    dog.watch(True)
    clock.pass_time(5.5)
    assert not barks  # it looks a second time, in case it was we who stood still
    clock.pass_time(20)
    assert barks == [5]


def test_worker_that_is_heard_now_and_then_gets_on(clock: Clock, dog: Watchdog, barks: list[float]) -> None:
    dog.watch(True)
    for _ in range(6):
        clock.pass_time(4)
        dog.heard()
    assert not barks


def test_word_in_the_second_look_saves_it(clock: Clock, dog: Watchdog, barks: list[float]) -> None:
    dog.watch(True)
    clock.pass_time(5.5)
    dog.heard()
    clock.pass_time(4)
    assert not barks


def test_without_work_nothing_is_watched_and_no_timer_runs(
    clock: Clock, dog: Watchdog, barks: list[float]
) -> None:
    dog.watch(True)
    dog.watch(False)
    clock.pass_time(30)
    assert not barks and not [timer for timer in clock._scheduled if not timer.cancelled()]


def test_new_work_begins_a_new_wait(clock: Clock, dog: Watchdog, barks: list[float]) -> None:
    dog.watch(True)
    clock.pass_time(4)
    dog.watch(False)
    dog.watch(True)
    clock.pass_time(4)
    assert not barks
