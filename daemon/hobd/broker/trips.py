"""What workers tried that the kernel refused, by model; what is told of it, and what follows.

Must hold no more than a bounded number of words, however often somebody tries. Told by conduct.py; asked by
loading.py and api/.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hobd import log
from hobd.broker.feed import Feed
from hobd.store.quarantine import Quarantine

Policy = Literal["record", "stop", "quarantine"]
MOST_COUNTED = 1_000_000
#: Names are the filters' own, but for numbers of calls that they do not name; those are told as one.
_MOST_CALLS = 128
_OTHER = "other calls"
_MOST_MODELS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """All attempts at one call by workers of one model."""

    model: str
    sha256: str
    call: str
    count: int
    last_at: float


class Tally:
    """How often each call was tried; saturates."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, call: str) -> tuple[str, int]:
        """The name that it is counted under, and how often that is now."""
        if call not in self._counts and len(self._counts) >= _MOST_CALLS:
            call = _OTHER
        self._counts[call] = min(MOST_COUNTED, self._counts.get(call, 0) + 1)
        return call, self._counts[call]

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    @property
    def total(self) -> int:
        return min(MOST_COUNTED, sum(self._counts.values()))

    def __str__(self) -> str:
        return ", ".join(f"{call} {count}" for call, count in self._counts.items())


def is_worth_a_line(count: int) -> bool:
    """The first of its kind, and then ever more rarely: 1, 10, 100 ... of the same call."""
    return count < MOST_COUNTED and str(count).strip("0") == "1"


class Trips:
    """All since the daemon started."""

    def __init__(
        self, policy: Policy = "record", quarantine: Quarantine | None = None, *, hears: bool = True
    ) -> None:
        """`hears`: workers have walls, and so something to trip over."""
        self.policy = policy
        self.hears = hears
        self.feed: Feed | None = None
        self.num_total = 0
        self._quarantine = quarantine
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._last: dict[tuple[str, str, str], float] = {}

    def on_trip(self, model: str, sha256: str, call: str) -> str:
        """Counts and tells one. Returns why the worker must end, as half a sentence; empty if it need not."""
        self.num_total = min(MOST_COUNTED, self.num_total + 1)
        call, count = self._note(model, sha256, call)
        if is_worth_a_line(count):
            log.event(
                "tripwire",
                level="warning",
                model=model,
                sha256=sha256 or "unknown",
                call=call,
                count=count,
                policy=self.policy,
            )
            if self.feed is not None:
                self.feed.tell("tripwire", model=model, message=call, reason=self.policy)
        return self._consequence(model, sha256, call)

    def each(self) -> list[Trip]:
        return [
            Trip(model=model, sha256=sha256, call=call, count=count, last_at=self._last[model, sha256, call])
            for (model, sha256), tally in self._tallies.items()
            for call, count in tally.counts.items()
        ]

    def _note(self, model: str, sha256: str, call: str) -> tuple[str, int]:
        key = model, sha256
        if key not in self._tallies and len(self._tallies) >= _MOST_MODELS:
            forgotten = next(iter(self._tallies))
            del self._tallies[forgotten]
            self._last = {known: at for known, at in self._last.items() if known[:2] != forgotten}
        call, count = self._tallies.setdefault(key, Tally()).add(call)
        self._last[model, sha256, call] = time.time()
        return call, count

    def _consequence(self, model: str, sha256: str, call: str) -> str:
        tried = f"its worker tried what the sandbox forbids ({call})"
        if self.policy == "record":
            return ""
        if self.policy == "stop":
            return f"{tried} and was stopped; do not trust this file"
        if self._quarantine is None or not sha256:
            return f"{tried} and was stopped; its digest is not known, so it is not in quarantine"
        self._quarantine.put(sha256, model, f"its worker tried what the sandbox forbids ({call})")
        return f"{tried}, and it is in quarantine; `hob models release {model}` lets it load again"
