"""GPUs are asked while there are any, and alarm when hardly anything is free."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hobd.pressure.devices import LEAST_FREE_BYTES, DeviceWatch
from hobd.pressure.watch import NoWatch, Several


def alarms(*readings: Mapping[str, int]) -> int:
    """How many alarms so many looks cause; after the last one there is no GPU any more."""

    async def look() -> int:
        told, left, over = [], [*readings, {}], asyncio.Event()

        def read() -> Mapping[str, int]:
            if len(left) == 1:
                loop.call_soon_threadsafe(over.set)
            return left.pop(0)

        loop = asyncio.get_running_loop()
        watch = DeviceWatch(read, every_seconds=0)
        watch.start(lambda: told.append(1))
        await over.wait()
        watch.stop()
        return len(told)

    return asyncio.run(look())


def test_alarm_when_any_gpu_has_hardly_anything_free() -> None:
    plenty, little = LEAST_FREE_BYTES, LEAST_FREE_BYTES - 1
    assert alarms({"gpu0": plenty}, {"gpu0": plenty, "gpu1": little}, {"gpu0": little}) == 2


def test_without_a_gpu_nothing_is_asked_again() -> None:
    assert alarms() == 0


def test_several_watches_are_told_as_one() -> None:
    watches = Several([NoWatch("a test"), DeviceWatch(dict)])
    assert watches.source == "none: a test"
