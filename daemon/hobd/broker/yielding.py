"""Gives memory back when the machine is short of it, and takes it again when it is not.

Must hold no memory itself: it tells the broker what to let go of. pressure/ladder.py says how much.
Made by main.py; the broker starts it, and asks it before it takes new work.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from hobd import errors, log
from hobd.pressure.ladder import Ladder, Rung
from hobd.pressure.watch import MemoryWatch


class Holder(Protocol):
    """Who has the memory: thrift.py."""

    @property
    def has_idle_models(self) -> bool: ...

    def drop_caches(self) -> None:
        """What is kept for times to come goes, and no more is kept until `restore_caches`."""

    def restore_caches(self) -> None: ...

    def let_idle_model_go(self) -> None:
        """The one that is missed least."""

    def tell_pressure(self, message: str) -> None:
        """To those who watch events."""


_WORDS = {
    Rung.CALM: "memory is no longer short",
    Rung.CACHES: "memory is short: cached prefixes are dropped",
    Rung.IDLE_MODELS: "memory is short: a model that nobody uses leaves",
    Rung.NEW_WORK: "memory is short: new requests are refused",
}


class Yielding:
    """`start` it in the running loop. Nothing wakes it between alarms but the end of what it yielded."""

    def __init__(self, watch: MemoryWatch) -> None:
        self.num_alarms = 0
        self._watch = watch
        self._ladder = Ladder()
        self._holder: Holder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._calm = asyncio.Event()
        self._calm.set()

    @property
    def rung(self) -> Rung:
        return self._ladder.rung

    @property
    def source(self) -> str:
        return self._watch.source

    def start(self, holder: Holder) -> None:
        self._holder = holder
        self._watch.start(self._on_alarm)

    def stop(self) -> None:
        self._watch.stop()
        if self._timer is not None:
            self._timer.cancel()

    async def calm(self) -> None:
        """Returns when memory is not short."""
        await self._calm.wait()

    def admit(self) -> None:
        """Raises Busy, with the time after which to ask again, while new work is refused."""
        if self.rung is Rung.NEW_WORK:
            wait = self._ladder.quiet_in(asyncio.get_running_loop().time())
            raise errors.Busy(
                "this machine is short of memory and hobd has given back all that it can; "
                f"try again in {math.ceil(wait)} s, or close other programs",
                retry_after_ms=math.ceil(wait * 1000),
            )

    def _on_alarm(self) -> None:
        assert self._holder is not None
        self.num_alarms += 1
        now = asyncio.get_running_loop().time()
        rung = self._ladder.alarm(now, has_idle_models=self._holder.has_idle_models)
        self._look_later()
        if rung is None:
            return
        self._tell(rung)
        if rung is Rung.CACHES:
            self._calm.clear()
            self._holder.drop_caches()
        elif rung is Rung.IDLE_MODELS:
            self._holder.let_idle_model_go()

    def _look_later(self) -> None:
        """One timer for the moment at which the next rung may be given back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ladder.due is not None:
            self._timer = asyncio.get_running_loop().call_at(self._ladder.due, self._look)

    def _look(self) -> None:
        # The loop's clock may be a tick short of the time it was asked to call at.
        now = max(asyncio.get_running_loop().time(), self._ladder.due or 0.0)
        if self._ladder.look(now) is Rung.CALM:
            assert self._holder is not None
            self._holder.restore_caches()
            self._calm.set()
            self._tell(Rung.CALM)
        self._look_later()

    def _tell(self, rung: Rung) -> None:
        assert self._holder is not None
        log.event("memory_pressure", level="warning" if rung else "info", yields=rung.name.lower())
        self._holder.tell_pressure(_WORDS[rung])
