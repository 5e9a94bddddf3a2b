"""The seam to the system's word that memory is short, and who speaks it on this one.

Must not decide what to do about it. Chosen by main.py; psi.py, macos.py and windows.py implement it,
tests/fakes/memory_watch.py too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class MemoryWatch(Protocol):
    """Hears the system's alarms."""

    @property
    def source(self) -> str:
        """Where the alarms come from, for people; without one it says why."""

    def start(self, on_alarm: Callable[[], None]) -> None:
        """Calls `on_alarm` in the running event loop at each alarm, until `stop`; sleeps in between."""

    def stop(self) -> None: ...


class NoWatch:
    """For systems that do not say it. Nobody yields then but to the budget."""

    def __init__(self, why: str) -> None:
        self.source = f"none: {why}"

    def start(self, on_alarm: Callable[[], None]) -> None:
        pass

    def stop(self) -> None:
        pass


class Several:
    """Alarms when any of them does."""

    def __init__(self, watches: Sequence[MemoryWatch]) -> None:
        self._watches = watches

    @property
    def source(self) -> str:
        return "; ".join(told for watch in self._watches if (told := watch.source))

    def start(self, on_alarm: Callable[[], None]) -> None:
        for watch in self._watches:
            watch.start(on_alarm)

    def stop(self) -> None:
        for watch in self._watches:
            watch.stop()


def choose(environment: Mapping[str, str]) -> MemoryWatch:
    """This system's watch."""
    if sys.platform == "linux":
        from hobd.pressure import psi

        return psi.choose(environment)
    if sys.platform == "darwin":
        from hobd.pressure import macos

        return macos.Watch()
    if sys.platform == "win32":
        from hobd.pressure import windows

        return windows.Watch()
    return NoWatch(f"{sys.platform} has no such word that hob knows")
