"""Decides what each decode step computes: every answer's next token, then prompts in chunks.

Must do no I/O, read no clock and know no text; the loop carries its plans out. Called by loop.py
only, from one thread.

    plan() -> Plan     which lanes to forget, which slices to compute
    commit(plan, sampled) -> what each sampled token meant
    cancel(id), finish(id, reason)      frees lane and cells at once

Cells are handed out without reserving a whole answer. When they run out the sequence that goes last
is preempted: it gives its cells back and queues again with all its tokens, which are computed anew
when there is room. The first in rank is never preempted by another and always fits alone, so
somebody always gets on.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from hobd.worker.sequence import EndReason, Sequence, State


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one sequence from position `start` on."""

    sequence: Sequence
    start: int
    count: int
    wants_logits: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One decode step. `forget` comes first: those lanes' cells are somebody else's now."""

    forget: list[int]
    work: list[Work]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one sampled token meant for its sequence. `counts` is False for an end token."""

    sequence: Sequence
    token: int
    end: EndReason | None
    counts: bool


class Scheduler:
    """Lanes and KV cells of one engine, and the sequences that want them."""

    def __init__(
        self,
        *,
        num_lanes: int,
        total_cells: int,
        context_tokens: int,
        batch_tokens: int,
        chunk_tokens: int,
        is_end: Callable[[int], bool],
    ) -> None:
        """`chunk_tokens` bounds the prompt tokens of a step in which others wait for their next token."""
        if context_tokens > total_cells:
            raise ValueError(f"a sequence of {context_tokens} tokens can never fit {total_cells} cells")
        if batch_tokens < num_lanes:
            raise ValueError(f"a batch of {batch_tokens} cannot hold a token for each of {num_lanes} lanes")
        self.total_cells = total_cells
        self.context_tokens = context_tokens
        self._batch_tokens = batch_tokens
        self._chunk_tokens = chunk_tokens
        self._is_end = is_end
        self._free_lanes = list(range(num_lanes - 1, -1, -1))
        self._stale_lanes: list[int] = []  # given back, not yet forgotten by the engine
        self._sequences: dict[int, Sequence] = {}
        self._queued: list[Sequence] = []
        self._running: list[Sequence] = []
        self._arrivals = 0

    # ------------------------------------------------------------------ what comes in

    def submit(self, sequence: Sequence) -> None:
        """Queues a sequence. Its prompt must leave room for one token in the context."""
        if sequence.id in self._sequences:
            raise ValueError(f"sequence {sequence.id} is already here")
        if len(sequence.tokens) >= self.context_tokens:
            raise ValueError(
                f"{len(sequence.tokens)} tokens leave no room in a context of {self.context_tokens}"
            )
        self._arrivals += 1
        sequence.arrival = self._arrivals
        self._sequences[sequence.id] = sequence
        self._queued.append(sequence)

    def cancel(self, id: int) -> bool:
        """Ends a sequence wherever it is. False if it is not here."""
        return self.finish(id)

    def finish(self, id: int) -> bool:
        """Ends a sequence for a reason the scheduler cannot see, such as a stop string."""
        sequence = self._sequences.pop(id, None)
        if sequence is None:
            return False
        if sequence.state is State.QUEUED:
            self._queued.remove(sequence)
        else:
            self._leave_lane(sequence)
        sequence.state = State.ENDED
        return True

    # ------------------------------------------------------------------ one step

    def plan(self) -> Plan | None:
        """The next step, or None when there is nothing to compute."""
        work = self._plan_decode()
        work += self._plan_prefill(self._prefill_budget(len(work)))
        forget, self._stale_lanes = self._stale_lanes, []
        if not work and not forget:
            return None
        return Plan(forget, work)

    def commit(self, plan: Plan, sampled: Tokens[int]) -> list[Sampled]:
        """Books a step that the engine computed; `sampled` has a token for each work that wanted logits."""
        tokens = iter(sampled)
        outcomes = []
        for work in plan.work:
            sequence = work.sequence
            sequence.num_computed = work.start + work.count
            if work.wants_logits:
                outcomes.append(self._take(sequence, next(tokens)))
        return outcomes

    def preempt_last(self) -> bool:
        """Makes room when the engine found none: the last in rank gives its up. False if it is alone."""
        if len(self._running) < 2:
            return False
        self._preempt(max(self._running, key=lambda sequence: sequence.rank))
        return True

    # ------------------------------------------------------------------ what others may look at

    @property
    def num_running(self) -> int:
        return len(self._running)

    @property
    def num_queued(self) -> int:
        return len(self._queued)

    @property
    def used_cells(self) -> int:
        return sum(sequence.num_computed for sequence in self._running)

    def check(self) -> None:
        """Raises AssertionError when the accounts do not balance. For tests and idle moments."""
        lanes = [sequence.lane for sequence in self._running]
        assert None not in lanes and len(set(lanes)) == len(lanes)
        assert not set(lanes) & set(self._free_lanes) and len(set(self._free_lanes)) == len(self._free_lanes)
        assert self.used_cells <= self.total_cells
        assert len(self._sequences) == len(self._queued) + len(self._running)
        assert all(s.num_computed == 0 and s.lane is None for s in self._queued)
        assert all(s.num_computed < len(s.tokens) <= self.context_tokens for s in self._running)

    # ------------------------------------------------------------------ steps of plan

    def _plan_decode(self) -> list[Work]:
        """One token for each answer under way; the last in rank make room where there is none."""
        while True:
            answering = [sequence for sequence in self._running if sequence.state is State.DECODE]
            if len(answering) <= self.total_cells - self.used_cells:
                break
            self._preempt(max(self._running, key=lambda sequence: sequence.rank))
        return [Work(sequence, sequence.num_computed, 1, True) for sequence in answering]

    def _prefill_budget(self, num_answering: int) -> int:
        """Tokens of prompts in this step: what batch, politeness and cells leave."""
        budget = min(self._batch_tokens, self.total_cells - self.used_cells) - num_answering
        return min(budget, self._chunk_tokens) if num_answering else budget

    def _plan_prefill(self, budget: int) -> list[Work]:
        """Chunks of prompts: those begun, then new ones while there are lanes and room for them whole."""
        work: list[Work] = []
        for sequence in sorted(self._running, key=lambda sequence: sequence.rank):
            if sequence.state is State.PREFILL and budget > 0:
                budget -= self._add_chunk(work, sequence, budget)
        if budget > 0 and self._queued:
            self._queued.sort(key=lambda sequence: sequence.rank)
        while budget > 0 and self._queued and self._free_lanes and self._has_room(self._queued[0]):
            sequence = self._queued.pop(0)
            self._enter_lane(sequence)
            budget -= self._add_chunk(work, sequence, budget)
        return work

    def _has_room(self, sequence: Sequence) -> bool:
        """Whether all its tokens and the next one fit beside what the running ones are known to need."""
        needed = sum(len(other.tokens) for other in self._running)
        # Alone it may fill the cache to the brim; beside others one cell more leaves them a step.
        return needed + len(sequence.tokens) + (1 if self._running else 0) <= self.total_cells

    @staticmethod
    def _add_chunk(work: list[Work], sequence: Sequence, budget: int) -> int:
        count = min(budget, len(sequence.tokens) - sequence.num_computed)
        is_last = sequence.num_computed + count == len(sequence.tokens)
        work.append(Work(sequence, sequence.num_computed, count, is_last))
        return count

    # ------------------------------------------------------------------ steps of commit

    def _take(self, sequence: Sequence, token: int) -> Sampled:
        if not sequence.ignore_eos and self._is_end(token):
            self.finish(sequence.id)
            return Sampled(sequence, token, EndReason.EOS, False)
        sequence.state = State.DECODE
        sequence.tokens.append(token)
        end: EndReason | None = None
        if sequence.max_tokens is not None and sequence.num_generated >= sequence.max_tokens:
            end = EndReason.MAX_TOKENS
        elif len(sequence.tokens) >= self.context_tokens:
            end = EndReason.CONTEXT_FULL
        if end is not None:
            self.finish(sequence.id)
        return Sampled(sequence, token, end, True)

    # ------------------------------------------------------------------ lanes

    def _enter_lane(self, sequence: Sequence) -> None:
        sequence.lane = self._free_lanes.pop()
        sequence.state = State.PREFILL
        self._running.append(sequence)

    def _leave_lane(self, sequence: Sequence) -> None:
        assert sequence.lane is not None
        self._running.remove(sequence)
        self._free_lanes.append(sequence.lane)
        self._stale_lanes.append(sequence.lane)
        sequence.lane = None
        sequence.num_computed = 0

    def _preempt(self, sequence: Sequence) -> None:
        self._leave_lane(sequence)
        sequence.state = State.QUEUED
        sequence.num_preemptions += 1
        self._queued.append(sequence)
