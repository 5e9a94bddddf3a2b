"""Tokens per second, from what a daemon has counted at two moments.

Must do no I/O and read no clock. Fed by commands/top.py, shown by view.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from hob_client.models import Resident
    from hob_client.states import Status

_MAX_HISTORY = 120


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens per second of one model."""

    answered: float = 0.0
    read: float = 0.0  # of prompts, those that had to be computed


@dataclass(frozen=True, slots=True)
class _Count:
    loaded_at: datetime | None
    answered: int
    read: int


class Rates:
    """`note` each status with its time in seconds of any monotonic clock."""

    def __init__(self) -> None:
        self.by_model: dict[str, Rate] = {}
        self.history: deque[float] = deque(maxlen=_MAX_HISTORY)  # answered by all, oldest first
        self._counts: dict[str, _Count] = {}
        self._noted_at: float | None = None

    def note(self, status: Status, now: float) -> None:
        counts = {resident.model: _count(resident) for resident in status.residents}
        if self._noted_at is not None and now > self._noted_at:
            seconds = now - self._noted_at
            self.by_model = {
                model: _rate(self._counts.get(model), count, seconds) for model, count in counts.items()
            }
            self.history.append(sum(rate.answered for rate in self.by_model.values()))
        self._counts, self._noted_at = counts, now


def _count(resident: Resident) -> _Count:
    computed = resident.num_prompt_tokens - resident.num_cached_tokens
    return _Count(resident.loaded_at, resident.num_tokens_generated, computed)


def _rate(before: _Count | None, now: _Count, seconds: float) -> Rate:
    """A model that was loaded anew, or by another worker, counts from nothing."""
    if before is None or before.loaded_at != now.loaded_at or now.answered < before.answered:
        before = _Count(now.loaded_at, 0, 0)
    return Rate((now.answered - before.answered) / seconds, max(0, now.read - before.read) / seconds)
