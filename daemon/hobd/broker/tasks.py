"""The daemon's own tasks: all of them end before the block that holds them does.

Must leave no task behind and hide no error. Made by broker.py, which hands it to tenancy.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self


class Work:
    """A task that can be cancelled without keeping it from its first steps.

    One that asyncio cancels before its first step never takes it, so that nothing in it can clear up.
    """

    def __init__(
        self,
        start: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
        work: Coroutine[None, None, None],
    ) -> None:
        self._has_begun = False
        self._is_cancelled = False
        self.task = start(self._run(work))

    def cancel(self) -> None:
        """It sees it at the next point where it waits, the first one included."""
        self._is_cancelled = True
        if self._has_begun:
            self.task.cancel()

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        self._has_begun = True
        if self._is_cancelled:
            self.task.cancel()
        await work


class Tasks:
    """Use as an async context manager; leaving it waits for every task."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._interruptible: set[Work] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> Work:
        """A task that `interrupt` may end."""
        spawned = Work(lambda begun: self.keep(begun, name=name), work)
        self._interruptible.add(spawned)
        spawned.task.add_done_callback(lambda _: self._interruptible.discard(spawned))
        return spawned

    def keep(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """A task that ends by itself, and that must be waited for."""
        return self._group.create_task(work, name=name)

    def interrupt(self) -> None:
        for work in self._interruptible:
            work.cancel()
