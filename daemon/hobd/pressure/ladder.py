"""How far hob yields when other programs want the memory it holds.

Must do no I/O and read no clock: the time comes in, in seconds of any monotonic clock. Climbed by the
broker's yielding.py at each alarm of a watch.

    CALM ──alarm──> CACHES ──alarm──> IDLE_MODELS ──alarm, none idle──> NEW_WORK
      ^               │  ^                │  ^                             │
      └────quiet──────┘  └─────quiet──────┘  └────────────quiet────────────┘
"""

from __future__ import annotations

from enum import IntEnum

#: A rung helps before the next one is climbed: alarms that come sooner tell of the time before it.
SETTLE_SECONDS = 2.0
#: So long without an alarm, and one rung is given back.
QUIET_SECONDS = 15.0


class Rung(IntEnum):
    """What is given up; each rung includes those below."""

    CALM = 0
    CACHES = 1  # prefixes kept for prompts to come
    IDLE_MODELS = 2  # models that nobody uses, one for each alarm
    NEW_WORK = 3  # requests are refused until there is memory again


class Ladder:
    """`alarm` climbs, `look` comes down; `due` says when to look."""

    def __init__(self) -> None:
        self.rung = Rung.CALM
        self._alarmed_at = 0.0
        self._climbed_at: float | None = None

    @property
    def due(self) -> float | None:
        """When `look` may find it quiet; None while there is nothing to come down from."""
        return None if self.rung is Rung.CALM else self._alarmed_at + QUIET_SECONDS

    def alarm(self, now: float, *, has_idle_models: bool) -> Rung | None:
        """Memory is short now. The rung to be yielded, or None: what was yielded last still works."""
        self._alarmed_at = now
        if self._climbed_at is not None and now - self._climbed_at < SETTLE_SECONDS:
            return None
        if self.rung is not Rung.IDLE_MODELS or not has_idle_models:  # else one more of these may do
            self.rung = Rung(min(self.rung + 1, Rung.NEW_WORK))
        if self.rung is Rung.IDLE_MODELS and not has_idle_models:
            self.rung = Rung.NEW_WORK
        self._climbed_at = now
        return self.rung

    def look(self, now: float) -> Rung:
        """Comes down one rung if it has been quiet for long enough; the next one takes as long again."""
        if self.due is not None and now >= self.due:
            self.rung = Rung(self.rung - 1)
            self._alarmed_at = now
        return self.rung

    def quiet_in(self, now: float) -> float:
        """Seconds until it may have come down all the way, if no alarm follows."""
        if self.due is None:
            return 0.0
        return max(0.0, self.due - now) + (self.rung - 1) * QUIET_SECONDS
