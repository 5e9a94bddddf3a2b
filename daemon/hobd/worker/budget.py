"""Ends a model's reasoning when it has reasoned for long enough, by putting the end of it into its mouth.

Must stay a sampler like any other: what it draws depends on the tokens before, so a resumed answer goes on
as it would have. Made by intake.py around the answer's own sampler; used by the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hobd.worker.dialect.reading import Reader
from hobd.worker.engine import Sampler
from hobd.worker.text import TextStream


class BudgetSampler:
    """`budget` tokens of reasoning, then `ending`, which costs nothing more; then as the model likes."""

    def __init__(
        self,
        sampler: Sampler | None,
        *,
        budget: int,
        ending: Sequence[int],
        reader: Reader,
        piece: Callable[[int], bytes],
        greedy: Callable[[int], list[int]],
    ) -> None:
        """`sampler` None: the likeliest token. `piece` also knows the dialect's control tokens."""
        self._sampler = sampler
        self._left = budget
        self._ending = ending
        self._due: list[int] = []  # what of the ending is still to be said
        self._reader = reader
        self._piece = piece
        self._decoder = TextStream()
        self._greedy = greedy

    def draw(self, row: int, position: int) -> int:
        self._check_budget()
        if self._due:
            return self._due[0]
        if self._sampler is None:
            return self._greedy(row + 1)[row]
        return self._sampler.draw(row, position)

    def accept(self, token: int) -> None:
        if self._sampler is not None:
            self._sampler.accept(token)
        self.note(token)

    def note(self, token: int) -> None:
        """Counts a token that the sampler inside knows of already."""
        self._check_budget()
        if self._due:
            self._due.pop(0)
        elif self._reader.is_reasoning:
            self._left -= 1
        self._reader.push(self._decoder.push(self._piece(token)).text)

    def _check_budget(self) -> None:
        if not self._due and self._left <= 0 and self._reader.is_reasoning:
            self._due = list(self._ending)

    def close(self) -> None:
        if self._sampler is not None:
            self._sampler.close()
