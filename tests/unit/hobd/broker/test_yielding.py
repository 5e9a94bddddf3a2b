"""Memory goes back in order, new work is refused last, and all of it is taken back without being asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hobd.broker.yielding import Yielding
from hobd.errors import Busy
from hobd.pressure import ladder
from hobd.pressure.ladder import Rung

from tests.fakes.memory_watch import FakeMemoryWatch


class FakeHolder:
    def __init__(self, num_idle: int) -> None:
        self.num_idle = num_idle
        self.told: list[str] = []

    @property
    def has_idle_models(self) -> bool:
        return self.num_idle > 0

    def drop_caches(self) -> None:
        self.told.append("caches")

    def restore_caches(self) -> None:
        self.told.append("caches back")

    def let_idle_model_go(self) -> None:
        self.num_idle -= 1
        self.told.append("model")

    def tell_pressure(self, message: str) -> None:
        assert "memory" in message


def run(scene: Coroutine[Any, Any, None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "SETTLE_SECONDS", 0.0)
    asyncio.run(scene)


def test_memory_is_given_back_in_order_and_new_work_refused_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        watch, holder = FakeMemoryWatch(), FakeHolder(num_idle=2)
        yielding = Yielding(watch)
        yielding.start(holder)
        for _ in range(3):
            watch.ring()
            yielding.admit()
        assert holder.told == ["caches", "model", "model"]
        watch.ring()
        with pytest.raises(Busy) as refused:
            yielding.admit()
        assert 0 < (refused.value.retry_after_ms or 0) <= 3 * ladder.QUIET_SECONDS * 1000
        yielding.stop()

    run(scene(), monkeypatch)


def test_quiet_brings_back_everything_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        watch = FakeMemoryWatch()
        yielding = Yielding(watch)
        yielding.start(FakeHolder(num_idle=0))
        watch.ring()
        watch.ring()
        assert yielding.rung is Rung.NEW_WORK
        while yielding.rung > Rung.CALM:
            await asyncio.sleep(0)
        yielding.admit()
        yielding.stop()

    monkeypatch.setattr(ladder, "QUIET_SECONDS", 0.001)
    run(scene(), monkeypatch)


def test_nothing_is_planned_while_memory_is_not_short() -> None:
    async def scene() -> None:
        yielding = Yielding(FakeMemoryWatch())
        yielding.start(FakeHolder(num_idle=0))
        assert not asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        yielding.stop()

    asyncio.run(scene())
