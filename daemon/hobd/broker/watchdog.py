"""Notices that a worker hangs: nothing was heard of it for too long while it had work.

Must cost an idle worker nothing, and a message one assignment. Made and fed by resident.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# If it was the daemon that stood still (stopped, or the machine asleep), what the worker said meanwhile lies
# in the socket and is heard within this.
_SECOND_LOOK_SECONDS = 1.0


class Watchdog:
    """`watch(True)` while there is work, `heard` for each word; calls `on_silence` once."""

    __slots__ = ("_heard_at", "_is_second_look", "_loop", "_on_silence", "_seconds", "_timer")

    def __init__(self, seconds: float, on_silence: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._on_silence = on_silence
        self._heard_at = 0.0
        self._is_second_look = False
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        self._heard_at = self._loop.time()

    def watch(self, has_work: bool) -> None:
        if has_work and self._timer is None:
            self._heard_at = self._loop.time()
            self._look_in(self._seconds)
        elif not has_work and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_in(self, seconds: float, *, again: bool = False) -> None:
        self._is_second_look = again
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        left = self._heard_at + self._seconds - self._loop.time()
        if left > 0:
            self._look_in(left)
        elif not self._is_second_look:
            self._look_in(_SECOND_LOOK_SECONDS, again=True)
        else:
            self._timer = None
            self._on_silence(self._seconds)
