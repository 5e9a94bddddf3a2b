"""The draft model at work: its own lanes and cells, and the decodes that follow sequences and guess.

Must never touch the model's own context, and holds every token within its own batch and cells. Reads no
clock. Made by draft_model.py, driven by guesswork.py on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Sequence as Many

from hobd.wire.messages import Measured
from hobd.worker.drafting import MAX_DRAFTS
from hobd.worker.engine import Engine, Slice
from hobd.worker.foresight import MOST_PENDING
from hobd.worker.shadow import Shadow


class _Lane:
    """`length` cells of it are computed, right or wrong; `room` cells are promised to it."""

    __slots__ = ("length", "number", "room")

    def __init__(self, number: int) -> None:
        self.number = number
        self.length = self.room = 0


class Drafter:
    """Any call may raise EngineError; the drafter is of no use afterwards, and should be closed."""

    def __init__(self, engine: Engine, vocabulary: int) -> None:
        """`vocabulary`: so many tokens mean the same to both models."""
        self.vocabulary = vocabulary
        self.num_lanes = engine.facts.num_lanes
        self.batch_tokens = engine.facts.batch_tokens
        self._engine = engine
        self._total_cells = engine.facts.total_cells
        self._free = list(range(engine.facts.num_lanes - 1, -1, -1))
        self._lanes: dict[Shadow, _Lane] = {}  # the one that was asked for last comes last

    def memory(self) -> Many[Measured]:
        """What the draft model takes."""
        return self._engine.memory()

    def catch_up(self, shadows: Many[Shadow], limit: int, *, beside: Many[Shadow]) -> int:
        """Computes what they lack but for the last token, at most `limit` tokens of all. Says how many.

        Who is `beside` keeps its lane; others make way.
        """
        works, left = [], limit
        for shadow in shadows:
            count = min(left, shadow.num_lacking - 1)
            if count > 0 and self._enter(shadow, shadow.num_lacking + MAX_DRAFTS, beside=beside):
                works.append((shadow, shadow.pending(count)))
                left -= count
        if works:
            self._compute(works)
        return limit - left

    def guess(self, wanted: Many[tuple[Shadow, int]], *, beside: Many[Shadow]) -> int:
        """So many guesses more for each that has caught up: a decode for all of them, round after round.

        Who is `beside` keeps its lane; others make way. Returns how many rounds there were.
        """
        going = [
            (shadow, count)
            for shadow, count in wanted
            if shadow.num_lacking <= MOST_PENDING
            and self._enter(shadow, shadow.num_lacking + count, beside=beside)
        ]
        num_rounds = 0
        while going:
            guesses = self._compute([(shadow, shadow.pending(MOST_PENDING)) for shadow, _ in going])
            num_rounds += 1
            going = [
                (shadow, count - 1)
                for (shadow, count), token in zip(going, guesses, strict=True)
                if self._take(shadow, token) and count > 1
            ]
        return num_rounds

    def forget(self, shadow: Shadow) -> None:
        """Gives its lane and cells up, if it has any."""
        lane = self._lanes.pop(shadow, None)
        if lane is not None:
            self._engine.forget(lane.number)
            self._free.append(lane.number)
        shadow.forget()

    def use_threads(self, count: int) -> None:
        self._engine.use_threads(count)

    def close(self) -> None:
        self._engine.close()

    # ------------------------------------------------------------------ lanes

    def _enter(self, shadow: Shadow, count: int, *, beside: Many[Shadow]) -> bool:
        """Gives it a lane, frees that of wrong guesses, and promises it `count` cells more.

        Those not among `beside` make way for it, the one that was longest not asked for first.
        """
        if shadow.is_shunned:
            return False
        room = shadow.num_held + count
        if room > self._total_cells:  # and it only grows
            self.forget(shadow)
            shadow.shun()
            return False
        staying = [self._lanes[other] for other in beside if other is not shadow and other in self._lanes]
        if len(staying) == self.num_lanes or sum(o.room for o in staying) + room > self._total_cells:
            return False
        lane = self._lanes.pop(shadow, None)
        for other in [other for other in self._lanes if other not in beside]:
            if (lane or self._free) and self._promised + room <= self._total_cells:
                break
            self.forget(other)
        self._lanes[shadow] = lane = lane or _Lane(self._free.pop())
        self._take_back(lane, shadow.num_held)
        lane.room = room
        return True

    @property
    def _promised(self) -> int:
        return sum(lane.room for lane in self._lanes.values())

    def _take_back(self, lane: _Lane, length: int) -> None:
        """Frees the cells after the first wrong guess."""
        if length < lane.length:
            self._engine.trim(lane.number, length)
            lane.length = length

    # ------------------------------------------------------------------ steps

    def _compute(self, works: list[tuple[Shadow, list[int]]]) -> list[int]:
        """One decode. The likeliest token after each; reading them also waits for the computation's end."""
        lanes = [self._lanes[shadow] for shadow, _ in works]
        slices = [
            Slice(lane.number, lane.length, tokens, 1) for lane, (_, tokens) in zip(lanes, works, strict=True)
        ]
        self._engine.decode(slices)
        for lane, (shadow, tokens) in zip(lanes, works, strict=True):
            shadow.hold(len(tokens))
            lane.length += len(tokens)
        return self._engine.greedy(len(works))

    def _take(self, shadow: Shadow, token: int) -> bool:
        """Books a guess. False if nothing can follow it."""
        if token >= self.vocabulary:
            shadow.shun()
            return False
        shadow.foretell(token)
        return not self._engine.is_end(token)
