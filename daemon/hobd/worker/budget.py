"""Samples an answer that begins with reasoning, and ends the reasoning when it has gone on for long enough.

Must stay a sampler like any other: what it draws depends on the tokens before, so a resumed answer goes on
as it would have. Made by voice.py around the answer's own sampler; used by the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hobd.worker.dialect.reading import Reader
from hobd.worker.engine import Sampler
from hobd.worker.text import TextStream


class ReasoningSampler:
    """`budget` tokens of reasoning, then `ending`, which costs nothing more; then as the model likes.

    `thought` chooses the tokens of the reasoning, and may be `answer` itself. Where one of them is None the
    likeliest token is taken.
    """

    def __init__(
        self,
        answer: Sampler | None,
        thought: Sampler | None,
        *,
        budget: int | None,
        ending: Sequence[int],
        reader: Reader,
        piece: Callable[[int], bytes],
        greedy: Callable[[int], list[int]],
    ) -> None:
        """`piece` also knows the control tokens of the reader's dialect."""
        self._answer = answer
        self._thought = thought
        self._left = budget
        self._ending = ending
        self._due: list[int] = []  # what of the ending is still to be said
        self._reader = reader
        self._piece = piece
        self._decoder = TextStream()
        self._greedy = greedy

    @property
    def fault(self) -> str:
        return self._answer.fault if self._answer is not None else ""

    def draw(self, row: int, position: int) -> int:
        self._check_budget()
        if self._due:
            return self._due[0]
        sampler = self._sampler()
        return sampler.draw(row, position) if sampler is not None else self._greedy(row + 1)[row]

    def accept(self, token: int) -> None:
        self._check_budget()
        sampler = self._sampler()
        if sampler is not None:
            sampler.accept(token)
        if self._due:
            self._due.pop(0)
        elif self._left is not None and self._reader.is_reasoning:
            self._left -= 1
        self._reader.push(self._decoder.push(self._piece(token)).text)

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
        if self._thought is not None and self._thought is not self._answer:
            self._thought.close()

    def _sampler(self) -> Sampler | None:
        """Who has to do with the next token. The spaces of an ending come after the reasoning."""
        return self._thought if self._due or self._reader.is_reasoning else self._answer

    def _check_budget(self) -> None:
        is_used_up = self._left is not None and self._left <= 0
        if is_used_up and not self._due and self._reader.is_reasoning:
            self._due = list(self._ending)
