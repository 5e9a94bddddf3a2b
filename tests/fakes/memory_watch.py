"""A watch whose alarms a test rings.

Must never ring by itself. Used by tests of yielding.
"""

from __future__ import annotations

from collections.abc import Callable


class FakeMemoryWatch:
    source = "a test"

    def __init__(self) -> None:
        self.on_alarm: Callable[[], None] | None = None

    def start(self, on_alarm: Callable[[], None]) -> None:
        self.on_alarm = on_alarm

    def stop(self) -> None:
        self.on_alarm = None

    def ring(self) -> None:
        assert self.on_alarm is not None, "nobody listens"
        self.on_alarm()
