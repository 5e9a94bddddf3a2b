"""The decode loop: receive, guess, plan, decode, sample, emit, commit; step after step while there is work.

Must stay plain synchronous code on one thread: no formatting, no logging per token, one frame a step.
Sleeps without wake-ups while idle. Made and run by worker/__main__.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import msgspec

from hobd.wire import messages as m
from hobd.worker.answer import Answer
from hobd.worker.drafter import Drafter
from hobd.worker.draws import confirm, draw
from hobd.worker.engine import Engine, EngineError, Interrupted, MemoryShort, Slice
from hobd.worker.guesswork import Guesswork
from hobd.worker.keeping import Keeping, Told
from hobd.worker.lanes import Change, Copy, Forget, Stow, Trim
from hobd.worker.plan import Plan, Sampled
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import EndReason
from hobd.worker.threads import Threads
from hobd.worker.tray import Tray
from hobd.worker.variants import BASE
from hobd.worker.vector_job import VectorJob
from hobd.worker.vectors import VectorWork

# Prompt tokens computed in a step in which somebody waits for the next token, until steps have been timed.
CHUNK_TOKENS = 128
# A message costs broker and client as much for one token as for ten, so tokens that come faster than
# anybody reads travel together. First words and ends go at once.
EMIT_EVERY_NS = 12_000_000
# With work, but nothing to tell, as in a long prompt: so often the broker hears that steps get done.
ALIVE_EVERY_NS = 1_000_000_000
_NOBODY = -1  # no class is better than this


class Loop:
    """Owns the scheduler and every answer. `submit` and `cancel` may be called from another thread."""

    def __init__(
        self,
        engine: Engine,
        send: Callable[[m.Message], None],
        drafter: Drafter | None = None,
        tray: Tray | None = None,
    ) -> None:
        facts = engine.facts
        self._engine = engine
        self._send = send
        self._scheduler = Scheduler(
            num_lanes=facts.num_lanes,
            num_cache_lanes=facts.num_cache_lanes,
            stash_bytes=facts.stash_bytes,
            shares_parts=facts.shares_parts,
            total_cells=facts.total_cells,
            context_tokens=facts.context_tokens,
            batch_tokens=facts.batch_tokens,
            chunk_tokens=CHUNK_TOKENS,
            is_end=engine.is_end,
        )
        self._guesswork = Guesswork(drafter, self._scheduler.pace, facts.context_tokens)
        self._threads = Threads(facts.num_threads if facts.computes_on_cpu else 1)
        self._computed_ns = time.monotonic_ns()  # when the last step ended
        self._keeping = Keeping(engine, self._scheduler.lanes, tray, send)
        self._keep_ms = 0
        self._variant = BASE  # that the engine computes now
        self._answers: dict[int, Answer] = {}
        self._vectors = VectorWork(engine.embedder, send, chunk_tokens=CHUNK_TOKENS)
        self._inbox: SimpleQueue[Answer | VectorJob | Told | int | None] = SimpleQueue()
        # Ids whose prompt is being computed right now: only these are worth interrupting a step for.
        self._in_prefill: frozenset[int] = frozenset()
        # The best class of the step that is being computed, if it may be given up for a better one.
        self._best_priority = _NOBODY
        self._was_interrupted = False
        self._unsent: dict[int, Answer] = {}  # answers with text that was not emitted yet
        self._emitted_ns = 0
        self._deltas: list[m.Delta] = []
        self._ends: list[m.End] = []
        self._begun: list[int] = []

    def submit(self, work: Answer | VectorJob) -> None:
        """An answer of a better class than all that are being computed does not wait for their step."""
        self._inbox.put(work)
        if isinstance(work, Answer) and work.sequence.priority < self._best_priority:
            self._engine.interrupt()

    def cancel(self, id: int) -> None:
        """Ends an answer before the next step; a prompt of its own being computed is cut short."""
        self._inbox.put(id)
        if id in self._in_prefill and self._engine.facts.steps_back:
            self._engine.interrupt()

    def tell(self, message: Told) -> None:
        """What becomes of kept prefixes; heeded before whatever is submitted later."""
        self._inbox.put(message)

    def stop(self, keep_ms: int = 0) -> None:
        """Makes `run` end before the next step; it may take so long for what is worth keeping."""
        self._keep_ms = keep_ms
        self._inbox.put(None)
        self._engine.interrupt()

    def run(self) -> None:
        """Returns after `stop`. Raises EngineError when the engine is broken."""
        self._run()
        if self._keep_ms:
            for change in self._scheduler.lanes.take_changes():
                self._change_lane(change)
            self._keeping.hand_over(self._keep_ms)

    def _run(self) -> None:
        is_idle = False
        while True:
            # What causes an interrupt is in the inbox before the interrupt is set. So one that is lost here
            # is received below, and one that comes later is seen by the decode.
            self._engine.resume()
            if not self._receive(is_idle):
                return
            self._guesswork.guess(answer.sequence for answer in self._answers.values())
            plan = self._scheduler.plan()
            if plan is not None:
                self._step(plan)
            self._step_vectors(plan)
            is_idle = plan is None and not self._vectors
            self._emit(is_busy=not is_idle)
            if is_idle:
                self._check()
                is_idle = not self._scheduler.tidy()

    def _check(self) -> None:
        """In idle moments: the accounts balance, and the engine's lanes are as long as they say."""
        try:
            self._scheduler.check(self._engine.length)
        except AssertionError:
            # Answers from cells of somebody else would be worse than a new worker.
            raise EngineError("the accounts of lanes and cells do not balance") from None

    # ------------------------------------------------------------------ receive

    def _receive(self, sleep: bool) -> bool:
        """Takes all that waits in the inbox, and sleeps until there is something if told to. False: stop."""
        while sleep or not self._inbox.empty():
            sleep = False
            item = self._inbox.get()
            if item is None:
                return False
            if isinstance(item, int):
                self._end_cancelled(item)
            elif isinstance(item, Told):
                self._keeping.heed(item, (answer.sequence for answer in self._answers.values()))
            elif isinstance(item, VectorJob):
                if (end := self._vectors.submit(item)) is not None:
                    self._ends.append(end)
            else:
                self._answers[item.sequence.id] = item
                if item.is_cancelled:
                    self._end(item, EndReason.CANCELLED)
                    continue
                self._guesswork.meet(item.sequence)
                self._scheduler.submit(item.sequence)
        return True

    def _end_cancelled(self, id: int) -> None:
        answer = self._answers.get(id)
        if answer is not None:
            self._scheduler.finish(id)
            self._end(answer, EndReason.CANCELLED)
        elif (end := self._vectors.cancel(id)) is not None:
            self._ends.append(end)

    # ------------------------------------------------------------------ step

    def _step(self, plan: Plan) -> None:
        for change in plan.changes:
            self._change_lane(change)
        if not plan.work:
            return
        if (variant := plan.work[0].sequence.variant) != self._variant:
            self._engine.become(variant)
            self._variant = variant
        now_ns = time.monotonic_ns()
        slices = []
        for work in plan.work:
            sequence = work.sequence
            if self._answers[sequence.id].start(now_ns):
                self._begun.append(sequence.id)
            view, place = work.view or (None, 0)
            slices.append(Slice(sequence.lane or 0, work.start, work.tokens, work.num_rows, view, place))
        if self._begun:
            self._emit()  # before the decode: whoever makes it die is then known to have had a lane
        self._in_prefill = frozenset(work.sequence.id for work in plan.work if work.is_prompt)
        self._best_priority = self._giveable(plan)
        try:
            with self._watched():  # the decode alone: all threads work at it
                self._engine.decode(slices)
            self._was_interrupted = False
        except Interrupted:
            self._was_interrupted = True
            return
        except MemoryShort:
            if not self._scheduler.relieve():
                raise
            return
        finally:
            self._in_prefill = frozenset()
            self._best_priority = _NOBODY
        sampled = self._sample(plan)
        if sampled:  # only reading a row waits for the end of the computation, wherever that runs
            self._scheduler.note_step(plan, (time.monotonic_ns() - now_ns) // 1000)
        self._take(self._scheduler.commit(plan, sampled))

    def _giveable(self, plan: Plan) -> int:
        """Who may make this step start anew: the classes below this. Never twice in a row, so all get on."""
        if self._was_interrupted or not self._engine.facts.steps_back:
            return _NOBODY
        return min(work.sequence.priority for work in plan.work)

    def _step_vectors(self, plan: Plan | None) -> None:
        """What there is to do for vectors beside the answers of `plan`, in a decode of its own."""
        parts = self._vectors.plan(
            min((work.sequence.priority for work in plan.work), default=None) if plan else None
        )
        if not parts:
            return
        self._begun += self._vectors.start(parts)
        if self._begun:
            self._emit()
        self._in_prefill = frozenset(part.item.owner for part in parts)
        try:
            with self._watched():
                self._ends += self._vectors.compute(parts)
        except Interrupted:
            return
        finally:
            self._in_prefill = frozenset()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Looks what the threads get of the cores, and computes with fewer or more from then on."""
        began_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
        if self._threads.rest((began_ns - self._computed_ns) // 1000):
            self._use_threads()
        yield
        self._computed_ns = time.monotonic_ns()
        wall_us = (self._computed_ns - began_ns) // 1000
        if self._threads.note(wall_us, (time.process_time_ns() - cpu_ns) // 1000):
            self._use_threads()

    def _use_threads(self) -> None:
        self._engine.use_threads(self._threads.num)
        self._guesswork.use_threads(self._threads.num)

    def _change_lane(self, change: Change) -> None:
        match change:
            case Forget():
                self._engine.forget(change.lane)
            case Copy():
                self._engine.copy(change.source, change.target, change.count)
            case Trim():
                self._engine.trim(change.lane, change.length)
            case Stow():
                self._scheduler.note_stowed(change.key, self._keeping.change(change))
            case _:
                self._keeping.change(change)

    def _sample(self, plan: Plan) -> list[list[int]]:
        """For each work that wants logits the tokens of its rows, as far as its drafts were right."""
        wanting = [work for work in plan.work if work.num_rows]
        if not wanting:
            return []
        samplers = [self._answers[work.sequence.id].sampler for work in wanting]
        greedy: list[int] = []
        if None in samplers:
            greedy = self._engine.greedy(sum(work.num_rows for work in wanting))
        sampled, row = [], 0
        for work, sampler in zip(wanting, samplers, strict=True):
            sampled.append(draw(work, sampler, row) if sampler else confirm(work, greedy[row:]))
            row += work.num_rows
        return sampled

    def _take(self, outcomes: list[Sampled]) -> None:
        """Turns sampled tokens into text."""
        now_ns = time.monotonic_ns()
        for outcome in outcomes:
            answer = self._answers.get(outcome.sequence.id)
            if answer is None:
                continue  # a stop string ended it with one of the step's tokens before
            end = outcome.end
            if outcome.counts:
                logprob = None
                if answer.num_logprobs is not None:
                    logprob = self._engine.logprob(outcome.row, outcome.token, answer.num_logprobs)
                if answer.take(outcome.token, self._engine.piece(outcome.token), logprob, now_ns):
                    self._scheduler.finish(outcome.sequence.id)
                    end = EndReason.STOP
            if end is not None:
                self._end(answer, end)
            else:
                self._unsent[outcome.sequence.id] = answer

    def _end(self, answer: Answer, reason: EndReason) -> None:
        del self._answers[answer.sequence.id]
        self._unsent.pop(answer.sequence.id, None)
        self._guesswork.leave(answer.sequence)
        last, end = answer.end(reason, time.monotonic_ns())
        if answer.fault:  # an End would call it whole; the error ends it for the broker as well
            self._send(m.Refused(end.id, "InvalidRequest", answer.fault))
            return
        if last is not None:
            self._deltas.append(last)
        self._ends.append(end)

    # ------------------------------------------------------------------ emit

    def _emit(self, *, is_busy: bool = False) -> None:
        """One frame for all that happened, unless it is only a few more tokens and the last one is recent."""
        now_ns = time.monotonic_ns()
        silence_ns = now_ns - self._emitted_ns
        is_due = silence_ns >= (EMIT_EVERY_NS if self._unsent else ALIVE_EVERY_NS)
        is_urgent = self._begun or self._ends or any(answer.is_silent for answer in self._unsent.values())
        if not is_urgent and not (is_due and (self._unsent or is_busy)):
            return
        deltas = self._deltas + [d for answer in self._unsent.values() if (d := answer.delta()) is not None]
        tally = self._scheduler.tally(
            self._threads.num, vectors=(self._vectors.num_running, self._vectors.num_queued)
        )
        if self._guesswork.problem:
            tally = msgspec.structs.replace(tally, draft_problem=self._guesswork.problem)
        self._send(m.Step(self._begun, deltas, self._ends, tally))
        self._emitted_ns = now_ns
        self._unsent.clear()
        self._begun, self._deltas, self._ends = [], [], []
