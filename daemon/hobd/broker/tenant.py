"""What residency knows of one model: where it is, who uses it, what bringing it back would cost.

Must do no I/O and read no clock: times come in, in seconds of one steady clock. Owned by residency.py;
room.py weighs its cost.

A model in memory has a turn: so long it may be used though somebody waits for its room, even if it falls idle
for moments, as it does between two requests of one client. After its turn it takes nobody new, and goes when
the last one has left. A turn is long enough that swapping models costs a fifth of the time at most.

        ready             idle   used again             turn over     last lease back
    ──────●────────────────●────────●───────────────────────●───────────────●─────> gone
          │ takes requests │ lingers│ takes requests        │ takes no more │
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: A turn lasts so many times what bringing the model back takes, but never longer than anybody has patience.
_TURN_RELOADS = 5.0
_SHORTEST_TURN_SECONDS, _LONGEST_TURN_SECONDS = 2.0, 60.0
#: So much of a reload is worth losing to find out whether the next request comes at once.
_LINGER_RELOADS = 0.25
_LONGEST_LINGER_SECONDS = 2.0
#: After so long without use, half as many uses are expected.
_HALF_LIFE_SECONDS = 1800.0


class Place(Enum):
    ABSENT = "absent"
    LOADING = "loading"
    READY = "ready"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the configuration says; zeros: no bound by count, never for being idle, refused at once."""

    max_resident: int = 0
    idle_ttl_seconds: float = 0.0
    room_wait_seconds: float = 300.0
    max_waiting: int = 1024


class Tenant:
    """Changed by residency.py alone."""

    __slots__ = (
        "_called_at",
        "_gap_is_known",
        "_gap_seconds",
        "_uses",
        "_uses_at",
        "idle_at",
        "kept_until",
        "kv_seconds",
        "leases",
        "leaves_for",
        "model",
        "pinned",
        "place",
        "ready_at",
        "reload_seconds",
    )

    def __init__(self, model: str) -> None:
        self.model = model
        self.place = Place.ABSENT
        self.pinned = False
        self.leases: set[int] = set()
        self.leaves_for = ""  # the model that waits for its room
        self.ready_at = 0.0
        self.idle_at: float | None = None  # since when, or when it last was
        self.kept_until = 0.0  # as keep-alives ask
        self.reload_seconds = 0.0  # from calling it to using it, the last time
        self.kv_seconds = 0.0  # computing again what its caches hold
        self._called_at: float | None = None  # while it is about to come
        self._gap_seconds: float | None = None  # between its last two uses
        self._gap_is_known = False
        self._uses = 0.0
        self._uses_at = 0.0

    def note_want(self, now: float) -> None:
        """Somebody asks for it, whether it is in memory or not."""
        self._uses, self._uses_at = self.uses(now) + 1.0, now
        if self.idle_at is not None and not self._gap_is_known:
            self._gap_seconds, self._gap_is_known = now - self.idle_at, True

    def note_lease(self, ticket: int) -> None:
        self.leases.add(ticket)
        self.idle_at = None

    def note_return(self, ticket: int, now: float) -> None:
        self.leases.remove(ticket)
        if not self.leases:
            self.idle_at, self._gap_is_known = now, False

    def note_call(self, now: float) -> None:
        """It is to come; the first that is done for it may be that others leave."""
        if self._called_at is None:
            self._called_at = now

    def forget_call(self) -> None:
        """It is not to come any more, or could not."""
        self._called_at = None

    def note_ready(self, now: float) -> None:
        assert self._called_at is not None, f"{self.model} came without being called"
        self.place, self.ready_at, self.kv_seconds = Place.READY, now, 0.0
        self.reload_seconds, self._called_at = now - self._called_at, None
        if not self.leases:
            self.idle_at = now

    # ------------------------------------------------------------------ what follows from it

    def uses(self, now: float) -> float:
        """How often it was wanted, the longer ago the less it counts."""
        return float(self._uses * 0.5 ** ((now - self._uses_at) / _HALF_LIFE_SECONDS))

    def cost(self, now: float) -> float:
        """Seconds that letting it go is likely to cost."""
        return (self.reload_seconds + self.kv_seconds) * self.uses(now)

    def is_kept(self, now: float) -> bool:
        return now < self.kept_until

    def is_closed(self, now: float) -> bool:
        """Its turn is over and somebody waits: it takes nobody new."""
        return bool(self.leaves_for) and self.place is Place.READY and now >= self._turn_ends_at()

    def may_go_at(self) -> float | None:
        """From when on it may make room for somebody who waits; None while it is in use or not ready."""
        if self.place is not Place.READY or self.leases or self.idle_at is None:
            return None
        linger = min(_LINGER_RELOADS * self.reload_seconds, _LONGEST_LINGER_SECONDS)
        if self._gap_seconds is not None and self._gap_seconds > linger:
            return self.idle_at  # the next request would not come in time, as the last one did not
        return max(self.idle_at, min(self.idle_at + linger, self._turn_ends_at()))

    def leaves_at(self, idle_ttl_seconds: float) -> float | None:
        """When it goes though nobody needs its room; None while it is in use or pinned, or if it may stay."""
        if self.place is not Place.READY or self.leases or self.pinned or self.idle_at is None:
            return None
        return max(self.idle_at + idle_ttl_seconds, self.kept_until) if idle_ttl_seconds else None

    def _turn_ends_at(self) -> float:
        turn = max(_SHORTEST_TURN_SECONDS, _TURN_RELOADS * self.reload_seconds)
        return self.ready_at + min(turn, _LONGEST_TURN_SECONDS)
