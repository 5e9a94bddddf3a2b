"""Which texts are turned into vectors in the next step, and how much of it there may be beside answers.

Must stay pure: no clock, no I/O, no text. Used by vectors.py, from the loop's thread.

    Item   the tokens of one input, or of one chunk of it
    Part   so many tokens of an item in one step; encoders take an item whole, the others may cut it

An item that was cut goes on first, in the slot that holds its cells. Then whole items follow in the order
given, while tokens and slots last.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Steps of answers of a better class between two of vectors, so that these get on all the same.
PATIENCE_STEPS = 8


class Item:
    """`tokens[:num_done]` are computed; `slot` holds them while that is neither none nor all.

    `owner`: the id of the request whose `input` it is.
    """

    __slots__ = ("input", "num_done", "owner", "slot", "tokens")

    def __init__(self, owner: int, input: int, tokens: Sequence[int]) -> None:
        if not tokens:
            raise ValueError("an item needs at least one token")
        self.owner = owner
        self.input = input
        self.tokens = array("i", tokens)  # there may be millions
        self.num_done = 0
        self.slot: int | None = None

    def __repr__(self) -> str:
        return f"Item({self.owner}.{self.input}, {self.num_done}/{len(self.tokens)})"

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.tokens)


@dataclass(frozen=True, slots=True)
class Part:
    item: Item
    slot: int
    start: int
    count: int


def pack(items: Iterable[Item], *, budget: int, num_slots: int, can_cut: bool) -> list[Part]:
    """What one step computes: at most `budget` tokens, but one whole item where none may be cut.

    `items` are those still to be done, any that was begun first. At most one is left cut: so the cells in
    use are never more than the longest item's and a step's.
    """
    parts: list[Part] = []
    free = list(range(num_slots - 1, -1, -1))
    for item in items:
        if item.slot is not None:
            free.remove(item.slot)
        elif not free:
            break
        left = len(item.tokens) - item.num_done
        if left > budget and parts and (not can_cut or parts[0].start > 0):
            break
        count = min(left, budget) if can_cut else left
        slot = free.pop() if item.slot is None else item.slot
        parts.append(Part(item, slot, item.num_done, count))
        budget -= count
        if budget <= 0:
            break
    return parts


def commit(parts: Iterable[Part]) -> None:
    """Books a step that was computed. Items that are done give up their slots."""
    for part in parts:
        item = part.item
        item.num_done = part.start + part.count
        item.slot = None if item.is_done else part.slot


def split(tokens: Sequence[int], room: int) -> list[Sequence[int]]:
    """Chunks of `room` tokens, in order; the last may be shorter."""
    if room < 1:
        raise ValueError("a chunk needs room for one token")
    return [tokens[start : start + room] for start in range(0, len(tokens), room)] or [tokens]


class Share:
    """How many tokens of vectors' work a step may have, so that answers under way go on."""

    def __init__(self, batch_tokens: int, chunk_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._chunk_tokens = min(chunk_tokens, batch_tokens)
        self._num_skipped = 0

    def budget(self, answering: int | None, waiting: int) -> int:
        """`answering`: the best class of the answers of this step; None: there are none. 0: not now."""
        if answering is None:
            self._num_skipped = 0
            return self._batch_tokens
        self._num_skipped += 1
        if waiting > answering and self._num_skipped < PATIENCE_STEPS:
            return 0
        self._num_skipped = 0
        return self._chunk_tokens
