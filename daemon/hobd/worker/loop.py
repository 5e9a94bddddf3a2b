"""The decode loop: receive, plan, decode, sample, emit, commit; step after step while there is work.

Must stay plain synchronous code on one thread: no formatting, no logging per token, one frame a step.
Sleeps without wake-ups while idle. Made and run by worker/__main__.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue

from hobd.wire import messages as m
from hobd.worker.answer import Answer
from hobd.worker.engine import Engine, Interrupted, MemoryShort, Slice
from hobd.worker.lanes import Copy, Forget
from hobd.worker.plan import Plan, Sampled
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import EndReason

# Prompt tokens computed in a step in which somebody waits for the next token, until steps have been timed.
CHUNK_TOKENS = 128
# A message costs broker and client as much for one token as for ten, so tokens that come faster than
# anybody reads travel together. First words and ends go at once.
EMIT_EVERY_NS = 12_000_000


class Loop:
    """Owns the scheduler and every answer. `submit` and `cancel` may be called from another thread."""

    def __init__(self, engine: Engine, send: Callable[[m.Message], None]) -> None:
        facts = engine.facts
        self._engine = engine
        self._send = send
        self._scheduler = Scheduler(
            num_lanes=facts.num_lanes,
            num_cache_lanes=facts.num_cache_lanes,
            total_cells=facts.total_cells,
            context_tokens=facts.context_tokens,
            batch_tokens=facts.batch_tokens,
            chunk_tokens=CHUNK_TOKENS,
            is_end=engine.is_end,
        )
        self._answers: dict[int, Answer] = {}
        self._inbox: SimpleQueue[Answer | int | None] = SimpleQueue()
        # Ids whose prompt is being computed right now: only these are worth interrupting a step for.
        self._in_prefill: frozenset[int] = frozenset()
        self._unsent: dict[int, Answer] = {}  # answers with text that was not emitted yet
        self._emitted_ns = 0
        self._deltas: list[m.Delta] = []
        self._ends: list[m.End] = []
        self._begun: list[int] = []

    def submit(self, answer: Answer) -> None:
        self._inbox.put(answer)

    def cancel(self, id: int) -> None:
        """Ends an answer before the next step; a prompt of its own being computed is cut short."""
        self._inbox.put(id)
        if id in self._in_prefill:
            self._engine.interrupt()

    def stop(self) -> None:
        """Makes `run` return before the next step."""
        self._inbox.put(None)
        self._engine.interrupt()

    def run(self) -> None:
        """Returns after `stop`. Raises EngineError when the engine is broken."""
        is_idle = False
        while True:
            # What causes an interrupt is in the inbox before the interrupt is set. So one that is lost here
            # is received below, and one that comes later is seen by the decode.
            self._engine.resume()
            if not self._receive(is_idle):
                return
            plan = self._scheduler.plan()
            is_idle = plan is None
            if plan is not None:
                self._step(plan)
            self._emit()

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
            else:
                self._answers[item.sequence.id] = item
                self._scheduler.submit(item.sequence)
        return True

    def _end_cancelled(self, id: int) -> None:
        answer = self._answers.get(id)
        if answer is not None:
            self._scheduler.finish(id)
            self._end(answer, EndReason.CANCELLED)

    # ------------------------------------------------------------------ step

    def _step(self, plan: Plan) -> None:
        engine = self._engine
        self._change_lanes(plan)
        if not plan.work:
            return
        now_ns = time.monotonic_ns()
        slices = []
        for work in plan.work:
            sequence = work.sequence
            if self._answers[sequence.id].start(now_ns):
                self._begun.append(sequence.id)
            tokens = sequence.tokens[work.start : work.start + work.count]
            slices.append(Slice(sequence.lane or 0, work.start, tokens, work.wants_logits))
        if self._begun:
            self._emit()  # before the decode: whoever makes it die is then known to have had a lane
        self._in_prefill = frozenset(work.sequence.id for work in plan.work if work.count > 1)
        try:
            engine.decode(slices)
        except Interrupted:
            return
        except MemoryShort:
            if not self._scheduler.relieve():
                raise
            return
        finally:
            self._in_prefill = frozenset()
        sampled = self._sample(plan)
        if sampled:  # only reading a row waits for the end of the computation, wherever that runs
            self._scheduler.note_step(plan, (time.monotonic_ns() - now_ns) // 1000)
        self._take(self._scheduler.commit(plan, sampled))

    def _change_lanes(self, plan: Plan) -> None:
        for change in plan.changes:
            match change:
                case Forget():
                    self._engine.forget(change.lane)
                case Copy():
                    self._engine.copy(change.source, change.target, change.count)

    def _sample(self, plan: Plan) -> list[int]:
        wanting = [self._answers[work.sequence.id] for work in plan.work if work.wants_logits]
        if not wanting:
            return []
        tokens = (
            self._engine.greedy(len(wanting))
            if any(a.sampler is None for a in wanting)
            else [0] * len(wanting)
        )
        for row, answer in enumerate(wanting):
            if answer.sampler is not None:
                tokens[row] = answer.sampler.draw(row, answer.sequence.num_generated)
                answer.sampler.accept(tokens[row])
        return tokens

    def _take(self, outcomes: list[Sampled]) -> None:
        """Turns sampled tokens into text; outcomes come in the order of the logits rows."""
        now_ns = time.monotonic_ns()
        for row, outcome in enumerate(outcomes):
            answer = self._answers[outcome.sequence.id]
            end = outcome.end
            if outcome.counts:
                logprob = None
                if answer.num_logprobs is not None:
                    logprob = self._engine.logprob(row, outcome.token, answer.num_logprobs)
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
        last, end = answer.end(reason, time.monotonic_ns())
        if answer.fault:  # what was told is whole, but not what was asked for
            self._send(m.Refused(end.id, "InvalidRequest", answer.fault))
            return
        if last is not None:
            self._deltas.append(last)
        self._ends.append(end)

    # ------------------------------------------------------------------ emit

    def _emit(self) -> None:
        """One frame for all that happened, unless it is only a few more tokens and the last one is recent."""
        now_ns = time.monotonic_ns()
        is_urgent = self._begun or self._ends or any(answer.is_silent for answer in self._unsent.values())
        if not is_urgent and (not self._unsent or now_ns - self._emitted_ns < EMIT_EVERY_NS):
            return
        deltas = self._deltas + [d for answer in self._unsent.values() if (d := answer.delta()) is not None]
        scheduler = self._scheduler
        self._send(
            m.Step(
                self._begun,
                deltas,
                self._ends,
                scheduler.num_running,
                scheduler.num_queued,
                scheduler.used_cells,
                scheduler.cached_cells,
            )
        )
        self._emitted_ns = now_ns
        self._unsent.clear()
        self._begun, self._deltas, self._ends = [], [], []
