"""How often each may ask, and how much at once.

Must read no clock and keep a bounded number of names. Called by guard.py.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_MAX_NAMES = 1000


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float
    num_under_way: int = 0


class Pace:
    """For each name a bucket that fills at `per_second` up to `burst`, and at most `at_once` under way."""

    def __init__(self, *, per_second: float, burst: int, at_once: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._at_once = at_once
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def enter(self, name: str, now: float) -> float:
        """0 and a place, to be given back with `leave`; else the seconds after which to ask again."""
        bucket = self._bucket(name, now)
        if bucket.num_under_way >= self._at_once:
            return 1.0
        if bucket.level < 1:
            return (1 - bucket.level) / self._per_second
        bucket.level -= 1
        bucket.num_under_way += 1
        return 0.0

    def leave(self, name: str) -> None:
        if name in self._buckets:
            self._buckets[name].num_under_way -= 1

    def _bucket(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(float(self._burst), now))
        self._buckets.move_to_end(name)
        bucket.level = min(self._burst, bucket.level + max(0.0, now - bucket.at) * self._per_second)
        bucket.at = now
        if len(self._buckets) > _MAX_NAMES:
            idle = next((key for key, other in self._buckets.items() if not other.num_under_way), None)
            if idle is not None:
                del self._buckets[idle]
        return bucket
