"""Prompts whose KV cells stay after their sequence ended, found again by the tokens they begin with.

Must stay pure: it names lanes and tokens, and moves neither. Domains are part of every question: a
sequence of one domain never meets a prefix of another, and one of the domain "" meets none and leaves
none. Asked by scheduler.py (what fits) and lanes.py (what to keep, what to drop).

The entries of a domain are a handful of token lists, none of which begins another; comparing lists runs
at memory speed, so with a few dozen lanes a scan beats a tree of tokens and has nothing to balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from hobd.worker.sequence import Sequence, State

#: Shorter common beginnings cost more to book than to compute.
MIN_SHARED_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Match:
    """The first `count` cells of `lane` hold what a sequence begins with."""

    lane: int
    count: int


@dataclass(slots=True)
class _Entry:
    lane: int
    domain: str
    tokens: list[int] = field(repr=False)
    used_at: int


class PrefixCache:
    """What lanes without a sequence still hold."""

    def __init__(self, min_shared: int = MIN_SHARED_TOKENS) -> None:
        self._min_shared = min_shared
        self._entries: dict[int, _Entry] = {}  # by lane
        self._num_uses = 0  # stands for the time: what was used last has the greatest number

    @property
    def lanes(self) -> Iterable[int]:
        return self._entries.keys()

    def find(self, sequence: Sequence, running: Iterable[Sequence]) -> Match | None:
        """The longest computed beginning of its tokens, among entries and running sequences.

        Its last token is never part of it: somebody has to compute the logits.
        """
        best: Match | None = None
        for lane, tokens, count in self._candidates(sequence, running):
            shared = min(self._common(sequence, tokens), count)
            if shared >= self._min_shared and (best is None or shared > best.count):
                best = Match(lane, shared)
        return best

    def is_awaited(self, sequence: Sequence, running: Iterable[Sequence]) -> bool:
        """Whether somebody is just computing what it begins with: once is enough."""
        if sequence.promise is None or not _is_open(*sequence.promise):
            sequence.promise = self._find_promise(sequence, running)
        return sequence.promise is not None

    def keep(self, lane: int, domain: str, tokens: list[int]) -> list[int]:
        """Makes the lane an entry. Returns lanes that are of no use then, maybe this very one."""
        if not domain or len(tokens) < self._min_shared:
            return [lane]
        useless = []
        for entry in [entry for entry in self._entries.values() if entry.domain == domain]:
            if _begins(tokens, entry.tokens):
                self.touch(entry.lane)
                return [lane]
            if _begins(entry.tokens, tokens):
                del self._entries[entry.lane]
                useless.append(entry.lane)
        self._entries[lane] = _Entry(lane, domain, tokens, 0)
        self.touch(lane)
        return useless

    def touch(self, lane: int) -> None:
        """Somebody used it; of no effect for a lane that is no entry."""
        self._num_uses += 1
        if lane in self._entries:
            self._entries[lane].used_at = self._num_uses

    def drop_for_lane(self, own: Callable[[int], int], *, spared: int | None) -> int | None:
        """Forgets the entry whose loss costs least to make good, for how long nobody wanted it.

        `own` says how many cells only this lane holds: what others hold too would not be lost.
        """
        lanes = [lane for lane in self._entries if lane != spared]
        return self._drop(min(lanes, key=lambda lane: (own(lane) + 1) / self._idle(lane), default=None))

    def drop_for_cells(self, own: Callable[[int], int]) -> int | None:
        """Forgets the entry unused for longest of those that free a cell.

        Each cell taken costs one token computed again, whosever it is, so only the age decides.
        """
        lanes = [lane for lane in self._entries if own(lane)]
        return self._drop(max(lanes, key=self._idle, default=None))

    def check(self) -> None:
        """Raises AssertionError if an entry begins another of its domain: one of them would be useless."""
        for one in self._entries.values():
            assert one.domain and len(one.tokens) >= self._min_shared
            for other in self._entries.values():
                assert one is other or one.domain != other.domain or not _begins(one.tokens, other.tokens)

    def length(self, lane: int) -> int:
        return len(self._entries[lane].tokens)

    # ------------------------------------------------------------------ steps

    def _find_promise(self, sequence: Sequence, running: Iterable[Sequence]) -> tuple[Sequence, int] | None:
        """Who will have computed how much of it. Nobody waits for a lesser one, which itself may have to."""
        best: tuple[Sequence, int] | None = None
        for other in running:
            if other.state is State.PREFILL and _may_share(other, sequence):
                shared = self._common(sequence, other.tokens)
                if other.standing <= sequence.standing and shared > (best[1] if best else 0):
                    best = (other, shared)
        if best is None:
            return None
        found = self.find(sequence, running)
        return best if best[1] >= (found.count if found else 0) + self._min_shared else None

    def _candidates(
        self, sequence: Sequence, running: Iterable[Sequence]
    ) -> Iterator[tuple[int, list[int], int]]:
        """(lane, tokens, how many of them are computed) of everything in the sequence's domain."""
        if not sequence.domain:
            return
        # What runs comes first: of two equally long matches, sharing with it takes no further cells.
        for other in running:
            if other.lane is not None and _may_share(other, sequence):
                yield other.lane, other.tokens, other.num_computed
        for entry in self._entries.values():
            if entry.domain == sequence.domain:
                yield entry.lane, entry.tokens, len(entry.tokens)

    def _common(self, sequence: Sequence, tokens: list[int]) -> int:
        """Tokens that both begin with, without the sequence's last; 0 if too few to share."""
        head = self._min_shared
        if sequence.tokens[:head] != tokens[:head]:
            return 0
        return min(common_prefix(sequence.tokens, tokens), len(sequence.tokens) - 1)

    def _idle(self, lane: int) -> int:
        return self._num_uses - self._entries[lane].used_at + 1

    def _drop(self, lane: int | None) -> int | None:
        if lane is not None:
            del self._entries[lane]
        return lane


def _may_share(one: Sequence, other: Sequence) -> bool:
    return bool(one.domain) and one.domain == other.domain


def _is_open(other: Sequence, count: int) -> bool:
    """Whether a promise to compute `count` tokens still stands and is not kept yet."""
    return other.state is State.PREFILL and other.num_computed < count


def common_prefix(one: list[int], other: list[int]) -> int:
    """How many tokens both begin with, by halving: slices compare at the speed of C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _begins(tokens: list[int], whole: list[int]) -> bool:
    return len(tokens) <= len(whole) and whole[: len(tokens)] == tokens
