"""Decides what each decode step computes: every answer's next token, then prompts in chunks.

Must do no I/O, read no clock and know no text; the loop carries its plans out. Called by loop.py
only, from one thread.

    plan() -> Plan     what to do with lanes, which slices to compute
    commit(plan, sampled) -> what each sampled token meant; guesses that were wrong are taken back
    cancel(id), finish(id, reason)      frees the lane at once

Who goes next: the better class; in a class the caller who got least lately; then who came first. What
waits too long gets grace, one sequence at a time, and goes before everybody.

Cells are handed out without reserving a whole answer. When they run out the cache gives up what nobody
uses, and then the sequence that is last in rank is preempted: it queues again with all its tokens, and
what was computed of them stays in the cache while it fits. The first in rank is never preempted for
cells and always fits alone, so somebody always gets on.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Tokens
from dataclasses import asdict

from hobd.wire.messages import Tally
from hobd.worker.drafting import Drafting
from hobd.worker.lanes import Lanes
from hobd.worker.pace import Pace
from hobd.worker.places import Places
from hobd.worker.plan import Plan, Sampled, Work, chunk, next_token, next_view, num_tokens
from hobd.worker.prefix_cache import MIN_SHARED_TOKENS, PrefixCache
from hobd.worker.sequence import EndReason, Sequence, State, lanes_of
from hobd.worker.turns import Turns
from hobd.worker.variants import Variant, Variants

# Steps after which the longest waiting sequence goes before all others. A step takes tens of milliseconds.
_PATIENCE_STEPS = 1024


class Scheduler:
    """The sequences of one engine, and who of them gets on."""

    def __init__(
        self,
        *,
        num_lanes: int,
        total_cells: int,
        context_tokens: int,
        batch_tokens: int,
        chunk_tokens: int,
        is_end: Callable[[int], bool],
        num_cache_lanes: int = 0,
        stash_bytes: int = 0,
        shares_parts: bool = True,
        min_shared: int = MIN_SHARED_TOKENS,
        patience_steps: int = _PATIENCE_STEPS,
    ) -> None:
        """`chunk_tokens` bounds the prompt tokens of a step in which others wait, until steps were timed.

        What is kept of ended sequences lies in the cache lanes, or in `stash_bytes` of memory, or nowhere.
        Without `shares_parts` a lane is of use as a whole or not at all.
        """
        if context_tokens > total_cells:
            raise ValueError(f"a sequence of {context_tokens} tokens can never fit {total_cells} cells")
        if batch_tokens < num_lanes:
            raise ValueError(f"a batch of {batch_tokens} cannot hold a token for each of {num_lanes} lanes")
        self.total_cells = total_cells
        self.context_tokens = context_tokens
        self._batch_tokens = batch_tokens
        self._is_end = is_end
        self._cache = PrefixCache(min_shared, stash_bytes, shares_parts=shares_parts)
        self._keeps = num_cache_lanes > 0 or (stash_bytes > 0 and not shares_parts)
        self.lanes = self._lanes = Lanes(num_lanes + num_cache_lanes, total_cells, self._cache)
        self._cells = self._lanes.cells
        self.pace = Pace(chunk_tokens, batch_tokens)
        self._drafting = Drafting(self.pace, context_tokens, is_end)
        self._turns = Turns(patience_steps)
        self._variants = Variants()
        self._sequences: dict[int, Sequence] = {}
        self._places = Places(num_lanes, lanes=self._lanes, cache=self._cache, turns=self._turns)
        self._arrivals = 0
        self._has_looked = False  # the last step was a view's

    # ------------------------------------------------------------------ what comes in

    def submit(self, sequence: Sequence) -> None:
        """Queues a sequence. Its prompt must leave room for one token in the context."""
        if sequence.id in self._sequences:
            raise ValueError(f"sequence {sequence.id} is already here")
        if len(sequence.tokens) >= self.context_tokens:
            raise ValueError(
                f"{len(sequence.tokens)} tokens leave no room in a context of {self.context_tokens}"
            )
        if not self._keeps:
            sequence.domain = ""
        self._arrivals += 1
        sequence.arrival = self._arrivals
        self._sequences[sequence.id] = sequence
        self._variants.enter(sequence.variant)
        self._places.enqueue(sequence)

    def finish(self, id: int) -> bool:
        """Ends a sequence wherever it is, for a reason of the caller's. False if it is not here."""
        sequence = self._sequences.pop(id, None)
        if sequence is None:
            return False
        self._places.leave(sequence)
        self._variants.leave(sequence.variant)
        return True

    # ------------------------------------------------------------------ one step

    def plan(self) -> Plan | None:
        """The next step, or None when there is nothing to compute."""
        self._turns.note_step(self._places.queued)
        self._lanes.stow_idle()
        work = self._plan_work()
        has_room = self._lanes.make_room(num_tokens(work))
        assert has_room, "more was planned than there are cells"
        changes = self._lanes.take_changes()
        if not work and not changes:
            return None
        return Plan(changes, work)

    def commit(self, plan: Plan, sampled: Tokens[Tokens[int]]) -> list[Sampled]:
        """Books a step that the engine computed.

        `sampled` has for each work that wanted logits the tokens of its rows, up to and with the first
        that was not guessed.
        """
        self._cache.note_computed(num_tokens(plan.work))
        tokens = iter(sampled)
        outcomes: list[Sampled] = []
        row = 0
        for work in plan.work:
            if not work.drafts:
                self._book(work.sequence, work.count)
            if work.halts:
                self._lanes.checkpoint(work.sequence)
            if work.num_rows:
                outcomes += self._take_all(work, row, next(tokens))
                row += work.num_rows
        return outcomes

    def note_step(self, plan: Plan, duration_us: int) -> None:
        """How long the engine took for a plan: the chunks of prompts follow the machine."""
        self.pace.note(plan.num_prompt, duration_us, is_mixed=plan.has_answers, num_drafts=plan.num_drafts)

    def note_stowed(self, key: int, num_bytes: int) -> None:
        """What the engine stowed under a key takes so much memory."""
        self._cache.stash.note_bytes(key, num_bytes)

    def tidy(self) -> bool:
        """For idle moments: whether there is something to be put away, with the next plan."""
        return self._lanes.stow_spare()

    def relieve(self) -> bool:
        """The engine found no room: what is cached goes, then the last in rank. False if it is alone."""
        if self._lanes.empty_cache():
            return True
        if len(self._places.running) < 2:
            return False
        self._places.preempt_last()
        return True

    # ------------------------------------------------------------------ what others may look at

    def tally(self, num_threads: int = 0, vectors: tuple[int, int] = (0, 0)) -> Tally:
        """How full it is and what it has done; `vectors` are jobs that run and wait beside the answers."""
        return Tally(
            num_running=len(self._places.running) + vectors[0],
            num_queued=len(self._places.queued) + vectors[1],
            num_threads=num_threads,
            used_cells=self._cells.used,
            cached_cells=self._lanes.num_cached(lanes_of(self._places.running)),
            stash_bytes=self._cache.stash.num_bytes,
            **asdict(self._places.counts),
        )

    def check(self, length: Callable[[int], int] | None = None) -> None:
        """Raises AssertionError when the accounts do not balance, or `length` of a lane says otherwise.

        For tests and idle moments, when no changes are left to carry out.
        """
        assert len(self._sequences) == len(self._places.queued) + len(self._places.running)
        assert all(s.num_computed < len(s.tokens) <= self.context_tokens for s in self._places.running)
        self._places.check()
        self._lanes.check(lanes_of(self._places.running))
        if length is not None:
            assert all(self._cells.length(lane) == length(lane) for lane in range(self._lanes.num_lanes))

    # ------------------------------------------------------------------ steps of plan

    def _plan_work(self) -> list[Work]:
        """Work of one variant. The second time round has the room that those who made way left behind."""
        for variant in 2 * self._variants.turns():
            work = self._plan_view(variant) or self._plan_prefill(variant, self._plan_decode(variant))
            if work:
                self._variants.note_step(variant, min(piece.sequence.priority for piece in work))
                return work
        return []

    def _plan_view(self, variant: Variant) -> list[Work]:
        """A piece of a view has a step of its own: embeddings and tokens cannot share one. Every other step
        is for those who wait for words."""
        running = [s for s in self._places.running if s.variant == variant]
        looking = [s for s in running if s.looks_next]
        if not looking or (self._has_looked and len(looking) < len(running)):
            self._has_looked = False
            return []
        limit = min(self._batch_tokens, self._places.cells_left(0))
        work = next_view(min(looking, key=self._turns.key), limit)
        self._has_looked = work is not None
        return [work] if work else []

    def _plan_decode(self, variant: Variant) -> list[Work]:
        """One token for each answer under way; the last in rank make room where there is none."""
        while True:
            answering = [s for s in self._places.running if s.state is State.DECODE and s.variant == variant]
            if len(answering) <= self._cells.free or len(answering) <= self._places.cells_left(0):
                break
            self._places.preempt_last()
        if len(answering) < len(self._places.running) or self._places.queued:
            return [next_token(sequence) for sequence in answering]  # the time for guesses is others'
        return self._drafting.plan(answering, min(self._cells.free, self._batch_tokens))

    def _plan_prefill(self, variant: Variant, work: list[Work]) -> list[Work]:
        """Adds chunks of prompts, those begun and new ones by turns, to the answers' next tokens."""
        order = [
            s
            for s in self._places.running
            if s.state is State.PREFILL and s.variant == variant and not s.looks_next
        ]
        if self._places.may_admit():
            order += self._places.queued
        order.sort(key=self._turns.key)
        chunks: list[Work] = []
        # Who comes later in the order has no greater budget.
        while order and (budget := self._budget(order[0], len(work), num_tokens(chunks))) > 0:
            sequence = order.pop(0)
            if sequence.state is State.QUEUED:
                if self._cache.is_awaited(sequence, self._places.running):
                    continue
                is_admitted = sequence.variant == variant and self._places.admit(sequence)
                # Who made way for it had been given a token.
                work = [piece for piece in work if piece.sequence.state is State.DECODE]
                if not is_admitted:
                    # Those behind it must not take what it waits for. Who has a lane goes on.
                    order = [other for other in order if other.state is State.PREFILL]
                    continue
                order.sort(key=self._turns.key)  # its caller has been served now
            budget = min(budget, self._places.cells_left(num_tokens(work, chunks)))
            if budget > 0 and not sequence.looks_next:
                chunks.append(chunk(sequence, budget, halts=not self._cache.shares_parts))
        return self._turns.without_hindrance(work + chunks)

    def _budget(self, sequence: Sequence, num_answers: int, planned: int) -> int:
        """Tokens of this prompt that batch and politeness allow beside so many of answers and prompts."""
        budget = self._batch_tokens - num_answers - planned
        # One is polite to one's own class and better ones, of whatever variant; the others may well wait.
        if any(s.state is State.DECODE and s.standing <= sequence.standing for s in self._places.running):
            budget = min(budget, self.pace.chunk_tokens - planned)
        return budget

    # ------------------------------------------------------------------ steps of commit

    def _book(self, sequence: Sequence, count: int) -> None:
        """So many more of its tokens are computed."""
        assert sequence.lane is not None
        self._cells.extend(sequence.lane, count)
        sequence.num_computed += count

    def _take_all(self, work: Work, row: int, tokens: Tokens[int]) -> list[Sampled]:
        """The tokens of one work, of which only the last can end the answer. Wrong drafts go."""
        sequence = work.sequence
        if work.drafts:
            assert sequence.lane is not None
            self._book(sequence, len(tokens))
            self._places.counts.note_drafts(len(work.drafts), len(tokens) - 1)
            if len(tokens) < work.count:
                self._lanes.trim(sequence.lane, sequence.num_computed)
        self._turns.charge(sequence.caller, len(tokens))
        return [self._take(sequence, row + index, token) for index, token in enumerate(tokens)]

    def _take(self, sequence: Sequence, row: int, token: int) -> Sampled:
        if not sequence.ignore_eos and self._is_end(token):
            self.finish(sequence.id)
            return Sampled(sequence, row, token, EndReason.EOS, False)
        end = sequence.grow(token, self.context_tokens)
        if end is not None:
            self.finish(sequence.id)
        return Sampled(sequence, row, token, end, True)
