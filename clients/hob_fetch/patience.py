"""How often something is tried again, and how long after.

Must count only failures without a byte gained in between: a line that is cut every minute still brings a
model home. Used by download.py and main.py.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from hob_fetch.failures import Passing

T = TypeVar("T")

MAX_FAILURES = 6
_LONGEST_SECONDS = 60.0


class Patience:
    """`gained` says how many bytes there are by now; `tell` hears of each wait."""

    def __init__(
        self,
        *,
        tell: Callable[[str, float], None],
        gained: Callable[[], int] = lambda: 0,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._tell = tell
        self._gained = gained
        self._sleep = sleep
        self._chance = chance
        self._failures = 0
        self._last = gained()

    def run(self, attempt: Callable[[], T]) -> T:
        """What it returns in the end. Raises the last Passing, or whatever else it raises at once."""
        return Retrying(
            retry=retry_if_exception_type(Passing),
            after=self._count,
            wait=self._wait,
            stop=lambda state: self._failures >= MAX_FAILURES,
            before_sleep=self._say,
            sleep=self._sleep,
            reraise=True,
        )(attempt)

    def _count(self, state: RetryCallState) -> None:
        now = self._gained()
        self._failures = 1 if now > self._last else self._failures + 1
        self._last = now

    def _wait(self, state: RetryCallState) -> float:
        own = min(_LONGEST_SECONDS, 0.5 * 2.0**self._failures) * (0.5 + self._chance() / 2)
        return max(own, _failure(state).wait_seconds)

    def _say(self, state: RetryCallState) -> None:
        self._tell(_failure(state).message, state.upcoming_sleep)


def _failure(state: RetryCallState) -> Passing:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Passing)  # nothing else is tried again
    return error
