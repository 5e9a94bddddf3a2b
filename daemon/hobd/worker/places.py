"""Who has a lane and who waits for one: admission, preemption, and the way out.

Must stay pure, and must never decide who is next: it is asked for one sequence at a time, in the order that
scheduler.py goes through. Made and called by scheduler.py only.

    enqueue ──> queued ──admit──> running ──leave──> gone
                  ^                  │
                  └─────preempt──────┘        (its tokens stay, and of its cells what the cache keeps)
"""

from __future__ import annotations

from hobd.worker.counts import Counts
from hobd.worker.lanes import Lanes
from hobd.worker.prefix_cache import PrefixCache
from hobd.worker.sequence import Sequence, State, lanes_of
from hobd.worker.turns import Turns


class Places:
    """The sequences that wait and those that run. Only its own verbs change the two lists."""

    def __init__(self, num_lanes: int, *, lanes: Lanes, cache: PrefixCache, turns: Turns) -> None:
        """At most `num_lanes` run; the lanes that there are beside those are the cache's."""
        self.queued: list[Sequence] = []
        self.running: list[Sequence] = []
        self.counts = Counts()
        self._num_lanes = num_lanes
        self._lanes = lanes
        self._cells = lanes.cells
        self._cache = cache
        self._turns = turns

    def enqueue(self, sequence: Sequence) -> None:
        sequence.state = State.QUEUED
        self._turns.note_queued(sequence)
        self.queued.append(sequence)

    def leave(self, sequence: Sequence) -> None:
        """It ends, wherever it is."""
        if sequence.state is State.QUEUED:
            self.queued.remove(sequence)
        else:
            self.running.remove(sequence)
            self._lanes.leave(sequence)
        sequence.state = State.ENDED

    def may_admit(self) -> bool:
        """Whether a lane is free or can become free; spares a full worker the sorting of a long queue."""
        if not self.queued:
            return False
        if len(self.running) < self._num_lanes:
            return True
        return max(s.standing for s in self.running) > min(s.standing for s in self.queued)

    def admit(self, sequence: Sequence) -> bool:
        """Gives it a lane if all its tokens fit; those of lesser standing make way, last in rank first."""
        staying = [other for other in self.running if other.standing <= sequence.standing]
        if not self._has_room(sequence, beside=staying):
            return False
        while not self._has_room(sequence, beside=self.running):
            if len(self.running) == len(staying):
                return False  # it matched what one of those held who made way
            self.preempt_last()
        self._enter_lane(sequence)
        return True

    def preempt_last(self) -> None:
        """The last in rank gives up its lane and queues again."""
        sequence = max(self.running, key=lambda sequence: sequence.rank)
        self.running.remove(sequence)
        self._lanes.leave(sequence)
        sequence.num_preemptions += 1
        self.enqueue(sequence)

    def cells_left(self, planned: int) -> int:
        """Cells that no running sequence holds and no other work of this step will take."""
        return self._cells.total - self._cells.held_by(lanes_of(self.running)) - planned

    def check(self) -> None:
        """Raises AssertionError when a sequence is not where its state says."""
        assert len(self.running) <= self._num_lanes
        assert all(s.num_computed == 0 and s.lane is None for s in self.queued)
        assert all(self._cells.length(s.lane or 0) == s.num_computed for s in self.running)

    # ------------------------------------------------------------------ steps

    def _has_room(self, sequence: Sequence, *, beside: list[Sequence]) -> bool:
        """Whether it gets a lane and all its tokens fit beside what the others are known to need."""
        if len(beside) >= self._num_lanes:
            return False
        lanes = lanes_of(beside)
        needed = self._cells.held_by(lanes) + sum(len(other.tokens) - other.num_computed for other in beside)
        needed += len(sequence.tokens)
        match = self._cache.find(sequence, self.running)
        if match is not None and match.lane is not None:
            needed -= match.count - self._cells.not_held_by(lanes, match.lane, match.count)
        # Alone it may fill the cache to the brim; beside others one cell more leaves them a step.
        return needed + (1 if beside else 0) <= self._cells.total

    def _enter_lane(self, sequence: Sequence) -> None:
        self.queued.remove(sequence)
        match = self._cache.find(sequence, self.running)
        sequence.lane = self._lanes.take(match)
        sequence.num_computed = self._cells.length(sequence.lane)
        if sequence.num_preemptions == 0:
            sequence.num_cached = sequence.num_computed
            self.counts.note_prompt(sequence)
        sequence.state = State.PREFILL
        self.running.append(sequence)
        self._turns.charge(sequence.caller, len(sequence.tokens) - sequence.num_computed)
