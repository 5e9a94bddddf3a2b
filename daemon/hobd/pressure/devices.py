"""GPUs: their drivers tell nobody when memory runs short, so they are asked now and then.

Must not ask where there is no GPU: nothing wakes up then. Made by main.py; implements watch.MemoryWatch.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

#: Less free than this, and the next program that wants to draw a window may not.
LEAST_FREE_BYTES = 256_000_000
EVERY_SECONDS = 5.0


class DeviceWatch:
    """`read` tells the free bytes of each GPU, and may block."""

    def __init__(self, read: Callable[[], Mapping[str, int]], every_seconds: float = EVERY_SECONDS) -> None:
        self._read = read
        self._every_seconds = every_seconds
        self._names: tuple[str, ...] = ()
        self._task: asyncio.Task[None] | None = None

    @property
    def source(self) -> str:
        return f"free memory of {', '.join(self._names)}" if self._names else ""

    def start(self, on_alarm: Callable[[], None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(on_alarm), name="device memory")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self, on_alarm: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            while free := await asyncio.to_thread(self._read):
                self._names = tuple(free)
                if min(free.values()) < LEAST_FREE_BYTES:
                    on_alarm()
                await asyncio.sleep(self._every_seconds)
