"""The daemon's own tasks: all of them end before the block that holds them does.

Must leave no task behind and hide no error. Made by broker.py, which hands it to tenancy.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Self


class Tasks:
    """Use as an async context manager; leaving it waits for every task."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._interruptible: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    def spawn(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """A task that `interrupt` may end."""
        task = self.keep(work, name=name)
        self._interruptible.add(task)
        task.add_done_callback(self._interruptible.discard)
        return task

    def keep(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """A task that ends by itself, and that must be waited for."""
        return self._group.create_task(work, name=name)

    def interrupt(self) -> None:
        for task in self._interruptible:
            task.cancel()
