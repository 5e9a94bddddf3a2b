"""What a model proposed, kept by what is around the gap, and found again while it is being typed.

Must stay pure, and never show what it holds: no I/O, no clock, no text in a repr. Called by hinting.py.

    asked:  before = "…def fi"     hint = "b(n):"
    typed:  before = "…def fib("   found: the hint begins with "b(", so "n):" is left; nobody is asked
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

TAIL = 160  # characters before the gap that make it the same gap
HEAD = 64  # and after it
MAX_TYPED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What may be put into a gap. `num_replaced`: characters after it, in its line, that it makes good."""

    text: str = field(repr=False)
    num_replaced: int = 0

    def after_typing(self, typed: str) -> Hint:
        return replace(self, text=self.text[len(typed) :])


_Key = tuple[str, str, str]


class Hints:
    """The hints used last, by the gap that they are for."""

    __slots__ = ("_by_gap", "_most")

    def __init__(self, most: int = 250) -> None:
        self._by_gap: OrderedDict[_Key, tuple[Hint, ...]] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._by_gap)

    def store(self, uri: str, before: str, after: str, hints: Sequence[Hint]) -> None:
        """Also those of an answer that came too late: who types on may come by."""
        key = _key(uri, before, after)
        self._by_gap[key] = tuple(dict.fromkeys(hints))
        self._by_gap.move_to_end(key)
        while len(self._by_gap) > self._most:
            self._by_gap.popitem(last=False)

    def find(self, uri: str, before: str, after: str) -> tuple[Hint, ...] | None:
        """What is left of hints that were typed up to here. Empty: there is none, it is known. None: ask."""
        for num_typed in range(min(MAX_TYPED, len(before)) + 1):
            at = len(before) - num_typed
            key = _key(uri, before[max(0, at - TAIL) : at], after)
            hints = self._by_gap.get(key)
            if hints is None:
                continue
            typed = before[at:]
            left = tuple(hint.after_typing(typed) for hint in hints if hint.text.startswith(typed))
            left = tuple(hint for hint in left if hint.text)
            if left or num_typed == 0:
                self._by_gap.move_to_end(key)
                return left
        return None

    def clear(self) -> None:
        self._by_gap.clear()


def _key(uri: str, before: str, after: str) -> _Key:
    return uri, before[-TAIL:], after[:HEAD]
