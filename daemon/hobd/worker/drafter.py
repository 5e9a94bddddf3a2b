"""The draft model at work: its own lanes and cells, and the decodes that follow sequences and guess.

Must never touch the model's own context, and holds every token within its own batch and cells. Reads no
clock. Made by draft_model.py, driven by guesswork.py on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Sequence as Many

from hobd.worker.drafting import MAX_DRAFTS
from hobd.worker.engine import Engine, Slice
from hobd.worker.foresight import MOST_PENDING
from hobd.worker.shadow import Shadow


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
        self._lanes: dict[Shadow, int] = {}  # the one that was asked for last comes last
        self._cells: dict[Shadow, int] = {}  # what its lane holds, right or wrong

    def catch_up(self, shadows: Many[Shadow], limit: int) -> int:
        """Computes what they lack but for the last token, at most `limit` tokens of all. Says how many."""
        works, left = [], limit
        for shadow in shadows:
            count = min(left, shadow.num_lacking - 1)
            if count > 0 and self._enter(shadow, shadow.num_lacking + MAX_DRAFTS, beside=shadows):
                works.append((shadow, shadow.pending(count)))
                left -= count
        if works:
            self._compute(works)
        return limit - left

    def guess(self, wanted: Many[tuple[Shadow, int]]) -> int:
        """So many guesses more for each that has caught up: a decode for all of them, round after round.

        Returns how many rounds there were.
        """
        shadows = [shadow for shadow, _ in wanted]
        going = [(s, n) for s, n in wanted if n > 0 and self._enter(s, MOST_PENDING + n, beside=shadows)]
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
            del self._cells[shadow]
            self._engine.forget(lane)
            self._free.append(lane)
        shadow.forget()

    def use_threads(self, count: int) -> None:
        self._engine.use_threads(count)

    def close(self) -> None:
        self._engine.close()

    # ------------------------------------------------------------------ lanes

    def _enter(self, shadow: Shadow, count: int, *, beside: Many[Shadow]) -> bool:
        """Gives it a lane, frees it of wrong guesses, and makes room for `count` tokens more.

        Those not among `beside` make way for it, the one that was longest not asked for first.
        """
        if shadow.is_foreign:
            return False
        self._take_back(shadow)
        kept = [other for other in beside if other in self._lanes]
        has_lane = shadow in self._lanes
        if not has_lane and len(kept) == self.num_lanes:
            return False
        if sum(self._cells[other] for other in kept) + count > self._total_cells:
            return False
        others = iter([other for other in self._lanes if other not in beside])
        while (not has_lane and not self._free) or sum(self._cells.values()) + count > self._total_cells:
            self.forget(next(others))
        self._lanes[shadow] = self._lanes.pop(shadow) if has_lane else self._free.pop()
        self._cells.setdefault(shadow, 0)
        return True

    def _take_back(self, shadow: Shadow) -> None:
        """Frees the cells after the first wrong guess."""
        wanted = min(shadow.num_held, self._cells.get(shadow, 0))
        if wanted < self._cells.get(shadow, 0):
            self._engine.trim(self._lanes[shadow], wanted)
            self._cells[shadow] = wanted

    # ------------------------------------------------------------------ steps

    def _compute(self, works: list[tuple[Shadow, list[int]]]) -> list[int]:
        """One decode. The likeliest token after each; reading them also waits for the computation's end."""
        self._engine.decode(
            [Slice(self._lanes[shadow], shadow.num_held, tokens, 1) for shadow, tokens in works]
        )
        for shadow, tokens in works:
            shadow.hold(len(tokens))
            self._cells[shadow] = shadow.num_held
        return self._engine.greedy(len(works))

    def _take(self, shadow: Shadow, token: int) -> bool:
        """Books a guess. False if nothing can follow it."""
        if token >= self.vocabulary:
            shadow.is_foreign = True
            return False
        shadow.foretell(token)
        return not self._engine.is_end(token)
