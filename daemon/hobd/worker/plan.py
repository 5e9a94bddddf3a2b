"""The values that pass between scheduler and loop: one step to compute, and what came of it.

Must stay data. Made by scheduler.py, carried out by loop.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from hobd.worker.lanes import Change
from hobd.worker.sequence import EndReason, Sequence


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one sequence from position `start` on."""

    sequence: Sequence
    start: int
    count: int
    wants_logits: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One decode step. `changes` come first, in their order: the work counts on them."""

    changes: list[Change]
    work: list[Work]


@dataclass(frozen=True, slots=True)
class Sampled:
    """What one sampled token meant for its sequence. `counts` is False for an end token."""

    sequence: Sequence
    token: int
    end: EndReason | None
    counts: bool


def next_token(sequence: Sequence) -> Work:
    """The one token of an answer that was sampled and is not computed yet."""
    return Work(sequence, sequence.num_computed, 1, True)


def chunk(sequence: Sequence, limit: int) -> Work:
    """As much of a prompt as the limit allows; its last token wants logits."""
    left = len(sequence.tokens) - sequence.num_computed
    return Work(sequence, sequence.num_computed, min(limit, left), limit >= left)


def num_tokens(*works: list[Work]) -> int:
    return sum(piece.count for work in works for piece in work)
