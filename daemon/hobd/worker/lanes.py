"""Hands out lanes and KV cells, and keeps in the prefix cache what nobody needs at the moment.

Must stay pure: what the engine has to do about it is written down in order, for the loop to carry out.
Called by scheduler.py only.

    free ──take──> a sequence's ──leave──> an entry of the cache ──> free    (stowed or dropped)
      ^                   └───────leave────────────────────────────────┘     (nothing to keep)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hobd.worker.cells import Cells
from hobd.worker.prefix_cache import Match, PrefixCache
from hobd.worker.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Forget:
    """Free the cells that only this lane holds."""

    lane: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Let `target` share the first `count` cells of `source`; nothing is copied in memory."""

    source: int
    target: int
    count: int


@dataclass(frozen=True, slots=True)
class Trim:
    """Free the lane's cells but for the first `length`: what was computed after them was guessed wrong."""

    lane: int
    length: int


@dataclass(frozen=True, slots=True)
class Stow:
    """Copy a lane's cells into memory of the worker's own, under this key."""

    lane: int
    key: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """Fill a lane with the first `count` cells of what was stowed under the key. It stays there."""

    key: int
    lane: int
    count: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Free what was stowed under the key."""

    key: int


Change = Forget | Copy | Trim | Stow | Fetch | Discard


@dataclass(frozen=True, slots=True)
class Prefix:
    """An entry of the cache: in a lane, or stowed under a key."""

    domain: str
    tokens: list[int] = field(repr=False)
    lane: int | None
    key: int | None


class Lanes:
    """More lanes than sequences may run: the others hold the cache's entries."""

    def __init__(self, num_lanes: int, total_cells: int, cache: PrefixCache) -> None:
        self.cells = Cells(total_cells)
        self._cache = cache
        self._free = list(range(num_lanes - 1, -1, -1))
        self.num_lanes = num_lanes
        self._changes: list[Change] = []

    def take(self, match: Match | None) -> int:
        """A lane that holds what matched and nothing else. At least one must not be a sequence's."""
        spared = match.lane if match else None
        if not self._free and not self._evict(self._cache.choose_for_lane(self.cells.own, spared=spared)):
            # The match's own entry has the only lane. There is no second one to share with.
            self._evict(self._cache.choose_for_lane(self.cells.own, spared=None))
            match = None
        lane = self._free.pop()
        if match is not None:
            self._fill(lane, match)
        return lane

    def _fill(self, lane: int, match: Match) -> None:
        if match.lane is not None:
            self._cache.use(match)
            self.cells.share(match.lane, lane, match.count)
            self._changes.append(Copy(match.lane, lane, match.count))
        elif match.key is not None and self.make_room(match.length):  # all of it comes before the rest goes
            self._cache.use(match)
            self.cells.extend(lane, match.count)
            self._changes.append(Fetch(match.key, lane, match.count))

    def leave(self, sequence: Sequence) -> None:
        """Takes the sequence's lane back; what it computed stays as an entry if it may be of use."""
        assert sequence.lane is not None
        computed = sequence.tokens[: sequence.num_computed]
        useless = self._cache.keep(sequence.lane, sequence.domain, computed)
        for lane in useless:
            self._give_back(lane)
        if not self._cache.shares_parts and sequence.lane not in useless:
            self._evict(sequence.lane)  # nobody could share it in its lane
        sequence.lane = None
        sequence.num_computed = 0

    def stow_spare(self) -> bool:
        """The same when there is nothing else to do. False if only the entry used last is left."""
        return self._evict(self._cache.find_spare())

    def checkpoint(self, sequence: Sequence) -> None:
        """Stows what is computed of a sequence that goes on, for others that begin with all of it."""
        assert sequence.lane is not None
        key = self._cache.checkpoint(sequence.domain, sequence.tokens[: sequence.num_computed])
        if key is not None:
            self._changes.append(Stow(sequence.lane, key))

    def trim(self, lane: int, length: int) -> None:
        """The engine computed more of a lane than counts; the accounts never had it."""
        self._changes.append(Trim(lane, length))

    def make_room(self, count: int) -> bool:
        """Evicts entries until `count` cells are free. False if there are not as many."""
        while self.cells.free < count:
            if not self._evict(self._cache.choose_for_cells(self.cells.own)):
                return False
        return True

    def stow_idle(self) -> None:
        """Moves one entry that is in the way into plain memory: one a step, so that nobody waits long."""
        self._evict(self._cache.find_idle())

    def empty_cache(self) -> bool:
        """Evicts every entry. False if there was none."""
        found = False
        while self._evict(self._cache.choose_for_lane(self.cells.own, spared=None)):
            found = True
        return found

    # ------------------------------------------------------------------ what outlives the worker

    def prefixes(self) -> list[Prefix]:
        """All entries, those used last first. No changes may be left to carry out."""
        found = sorted(self._cache.entries(), key=lambda found: found[0].used_at, reverse=True)
        return [Prefix(entry.domain, entry.tokens, lane, key) for entry, lane, key in found if entry.domain]

    def restore(self, domain: str, tokens: list[int], num_bytes: int) -> int | None:
        """A key for the state of an earlier worker, of so many bytes; None if it is of no use."""
        key = self._cache.checkpoint(domain, tokens)
        if key is not None:
            self._cache.stash.note_bytes(key, num_bytes)
        return key

    def set_stash(self, is_open: bool) -> None:
        """While it is closed, what gives up its lane is dropped."""
        if is_open:
            self._cache.stash.reopen()
        else:
            self._cache.stash.close()

    def forget(self, is_theirs: Callable[[str], bool]) -> tuple[int, int]:
        """Drops the entries of some domains. Returns how many there were, and of how many stowed bytes."""
        lanes, num_stowed, num_bytes = self._cache.forget(is_theirs)
        for lane in lanes:
            self._give_back(lane)
        return len(lanes) + num_stowed, num_bytes

    def take_changes(self) -> list[Change]:
        """What the engine must do before the next step, in this order. A lane forgotten may come again."""
        changes, self._changes = self._changes, []
        # At the end: what makes a stowed entry useless may need it itself in this step.
        return changes + [Discard(key) for key in self._cache.drop_stowed()]

    def num_cached(self, running: list[int]) -> int:
        """Cells that only the cache's entries hold."""
        return self.cells.used - self.cells.held_by(running)

    def check(self, running: list[int]) -> None:
        """Raises AssertionError when a lane has two owners or none, or the books of cells do not balance."""
        assert sorted([*self._free, *self._cache.lanes, *running]) == list(range(self.num_lanes))
        assert all(self.cells.length(lane) == 0 for lane in self._free)
        assert all(self.cells.length(lane) == self._cache.length(lane) for lane in self._cache.lanes)
        assert self.cells.free + self.num_cached(running) + self.cells.held_by(running) == self.cells.total
        self.cells.check()
        self._cache.check()

    def _evict(self, lane: int | None) -> bool:
        """The entry gives up its lane, and its cells are stowed if there is room for such."""
        if lane is None:
            return False
        key = self._cache.stow(lane)
        if key is not None:
            self._changes.append(Stow(lane, key))
        self._give_back(lane)
        return True

    def _give_back(self, lane: int) -> None:
        self.cells.release(lane)
        self._free.append(lane)
        self._changes.append(Forget(lane))
