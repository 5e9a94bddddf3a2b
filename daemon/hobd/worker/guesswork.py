"""Has the draft model guess for the answers under way, times it, and goes on without it if it fails.

Must never cost an answer anything but time, and none where that does not pay: foresight.py says when.
Made and called by loop.py, between its steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from hobd.worker.drafter import Drafter
from hobd.worker.engine import EngineError
from hobd.worker.foresight import Foresight
from hobd.worker.pace import Pace
from hobd.worker.sequence import Sequence, State
from hobd.worker.shadow import Shadow, Trust


class Guesswork:
    """All of it does nothing without a drafter. `problem` says why there is none any more."""

    def __init__(self, drafter: Drafter | None, pace: Pace, context_tokens: int) -> None:
        self.problem = ""
        self._drafter = drafter
        self._trust = Trust()
        self._foresight = Foresight(
            pace,
            context_tokens=context_tokens,
            num_lanes=drafter.num_lanes if drafter else 0,
            batch_tokens=drafter.batch_tokens if drafter else 0,
        )

    def meet(self, sequence: Sequence) -> None:
        """From now on it may be guessed for."""
        if self._drafter is not None and not sequence.views:  # the draft model cannot see
            sequence.shadow = Shadow(sequence.tokens, self._drafter.vocabulary, self._trust)

    def leave(self, sequence: Sequence) -> None:
        """It has ended: the draft model forgets it."""
        if self._drafter is not None and sequence.shadow is not None:
            self._drafter.forget(sequence.shadow)
        sequence.shadow = None

    def guess(self, sequences: Iterable[Sequence]) -> None:
        """Some steps of the draft model, if the next step of all these is likely to gain more by them."""
        if self._drafter is None:
            return
        answering = list(sequences)
        if any(sequence.state is not State.DECODE for sequence in answering):
            return  # the time for guesses is theirs who wait
        wishes = self._foresight.wishes(answering)
        drafter, limit = self._drafter, self._foresight.chunk_tokens
        try:
            if wishes.behind:
                took = _timed(lambda: drafter.catch_up(wishes.behind, limit, beside=wishes.present))
                self._foresight.note_caught_up(*took)
            if wishes.guesses:
                took = _timed(lambda: drafter.guess(wishes.guesses, beside=wishes.present))
                self._foresight.note_guessed(*took)
        except EngineError as error:
            self._do_without(drafter, str(error))

    def use_threads(self, count: int) -> None:
        if self._drafter is not None:
            self._drafter.use_threads(count)

    def _do_without(self, drafter: Drafter, why: str) -> None:
        self.problem = f"it failed while guessing: {why}"[:1000]
        self._drafter = None
        drafter.close()


def _timed(work: Callable[[], int]) -> tuple[int, int]:
    """What it returned, and the microseconds it took."""
    began_ns = time.monotonic_ns()
    return work(), (time.monotonic_ns() - began_ns) // 1000
