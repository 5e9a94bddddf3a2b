"""The values that pass between scheduler and loop: one step to compute, and what came of it.

Must stay data. Made by scheduler.py, carried out by loop.py.
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from dataclasses import dataclass, field

from hobd.worker.lanes import Change
from hobd.worker.sequence import EndReason, Sequence, State
from hobd.worker.views import View

# llama.cpp computes so many rows as it computes one.
_MOST_AS_ONE = 8


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one sequence from position `start` on; the last `num_rows` of them want logits.

    Of an answer's tokens the `drafts` are guesses: what stands at their places is yet to be sampled.
    """

    sequence: Sequence
    start: int
    count: int
    num_rows: int
    drafts: Tokens[int] = field(default=(), repr=False)
    halts: bool = False  # after it the lane's state is worth keeping

    @property
    def is_answer(self) -> bool:
        """Whether it is an answer's next token, with or without guesses at what follows."""
        return self.sequence.state is State.DECODE

    @property
    def is_prompt(self) -> bool:
        return self.count > 1 and not self.drafts

    @property
    def view(self) -> tuple[View, int] | None:
        """What it computes instead of words, and from which of its tokens on."""
        return self.sequence.view_at(self.start)

    @property
    def tokens(self) -> list[int]:
        known = self.sequence.tokens[self.start : self.start + self.count - len(self.drafts)]
        return [*known, *self.drafts] if self.drafts else known


@dataclass(frozen=True, slots=True)
class Plan:
    """One decode step. `changes` come first, in their order: the work counts on them."""

    changes: list[Change]
    work: list[Work]

    @property
    def num_prompt(self) -> int:
        return sum(piece.count for piece in self.work if piece.is_prompt)

    @property
    def num_drafts(self) -> int:
        return sum(len(piece.drafts) for piece in self.work)

    @property
    def has_answers(self) -> bool:
        return any(not piece.is_prompt for piece in self.work)


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one sampled token meant for its sequence. `counts` is False for an end token."""

    sequence: Sequence
    row: int  # of the step's logits
    token: int
    end: EndReason | None
    counts: bool


def next_token(sequence: Sequence, drafts: Tokens[int] = ()) -> Work:
    """The one token of an answer that was sampled and is not computed yet, and what is guessed to follow."""
    count = 1 + len(drafts)
    return Work(sequence, sequence.num_computed, count, count, drafts)


def chunk(sequence: Sequence, limit: int, *, halts: bool = False) -> Work:
    """As much of a prompt as the limit allows, words or a part of one view; its last token wants logits.

    `halts`: the last token comes in a step of its own. Only what is wholly part of a prompt and leaves its
    last token to compute is of use to whom asks the same again.
    """
    left = len(sequence.tokens) - sequence.num_computed
    if sequence.num_generated:
        limit = min(limit, _as_before(sequence))
    limit = min(limit, sequence.num_alike)
    if halts and 1 < left <= limit + 1:
        return Work(sequence, sequence.num_computed, left - 1, 0, halts=True)
    return Work(sequence, sequence.num_computed, min(limit, left), int(limit >= left))


def next_view(sequence: Sequence, limit: int) -> Work | None:
    """As much of the view that comes next as the limit allows; None if that is nothing."""
    seen = sequence.view_at(sequence.num_computed)
    assert seen is not None
    if limit < (len(seen[0]) if seen[0].is_whole else 1):
        return None
    left = len(sequence.tokens) - sequence.num_computed
    count = min(limit, sequence.num_alike)
    return Work(sequence, sequence.num_computed, count, int(count == left))


def _as_before(sequence: Sequence) -> int:
    """Tokens of a sequence that begins anew in mid-answer, so that they come out as they were computed first.

    Rounding depends on the kernels that a step is computed with, and these on its size. The prompt was
    computed apart from its answer, the answer token by token, which as many as this do not differ from.
    """
    left = sequence.num_prompt - sequence.num_computed
    return left if left > 0 else _MOST_AS_ONE


def num_tokens(*works: list[Work]) -> int:
    return sum(piece.count for work in works for piece in work)
