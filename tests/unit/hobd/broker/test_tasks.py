"""A task that is cancelled still takes its first steps, so that what it stands for is cleared up."""

from __future__ import annotations

import asyncio

from hobd.broker.tasks import Tasks


async def _stay(told: list[str]) -> None:
    try:
        told.append("begun")
        await asyncio.sleep(60)
        told.append("stayed")
    finally:
        told.append("cleared up")


def test_cancelled_before_it_began_it_clears_up() -> None:
    told: list[str] = []

    async def spawn_and_cancel() -> None:
        async with Tasks() as tasks:
            tasks.spawn(_stay(told), name="stays").cancel()

    asyncio.run(spawn_and_cancel())
    assert told == ["begun", "cleared up"]


def test_interrupted_before_it_began_it_clears_up() -> None:
    told: list[str] = []

    async def spawn_and_interrupt() -> None:
        async with Tasks() as tasks:
            tasks.spawn(_stay(told), name="stays")
            tasks.interrupt()

    asyncio.run(spawn_and_interrupt())
    assert told == ["begun", "cleared up"]


def test_cancelled_later_it_clears_up_once() -> None:
    told: list[str] = []

    async def spawn_and_cancel() -> None:
        async with Tasks() as tasks:
            work = tasks.spawn(_stay(told), name="stays")
            await asyncio.sleep(0)
            work.cancel()
            work.cancel()

    asyncio.run(spawn_and_cancel())
    assert told == ["begun", "cleared up"]


def test_work_that_ended_is_not_kept() -> None:
    async def spawn_and_wait() -> int:
        async with Tasks() as tasks:
            work = tasks.spawn(asyncio.sleep(0), name="short")
            await asyncio.wait((work.task,))
            work.cancel()
            return len(tasks._interruptible)

    assert asyncio.run(spawn_and_wait()) == 0
