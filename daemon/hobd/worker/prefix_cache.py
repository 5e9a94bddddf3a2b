"""Prompts whose KV cells stay after their sequence ended, found again by the tokens they begin with.

Must stay pure: it names lanes and tokens, and moves neither. Domains are part of every question: a
sequence of one domain never meets a prefix of another, and one of the domain "" meets none and leaves
none. Asked by scheduler.py (what fits) and lanes.py (what to keep, what to stow, what to drop).

An entry holds its lane until lane or cells are needed, until it has been of no use for a while, or until
there is nothing else to do and it was not the last one used. Then its cells are stowed away in plain memory,
where they are in nobody's way: every token computed steps over every cell in use, whosever it is, and after
a few dozen tokens that has cost more than to stow a cell and to fetch it back; to compute it again would
cost a hundred times as much.

Recurrent layers and sliding windows keep the state after all tokens and none in between. Of such models an
entry is the whole of a prompt, or of a prompt and its answer, always stowed, and of use to what goes on
from there (`shares_parts` is False).

The entries of a domain are a handful of token lists, none of which begins another; comparing lists runs
at memory speed, so with a few dozen lanes a scan beats a tree of tokens and has nothing to balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from hobd.worker.sequence import Sequence, State
from hobd.worker.stash import Entry, Stash
from hobd.worker.views import before_view

#: Shorter common beginnings cost more to book than to compute.
MIN_SHARED_TOKENS = 16
#: After so many tokens computed for others an entry's cells are in the way.
STOW_AFTER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Match:
    """A sequence begins with the first `count` cells of a lane, or of what is stowed under a key."""

    count: int
    lane: int | None
    key: int | None = None
    length: int = 0  # cells under the key: so many are fetched, and those after `count` given back


class PrefixCache:
    """What lanes without a sequence still hold."""

    def __init__(
        self, min_shared: int = MIN_SHARED_TOKENS, stash_bytes: int = 0, *, shares_parts: bool = True
    ) -> None:
        """Without `stash_bytes` nothing is stowed."""
        self.shares_parts = shares_parts
        self._min_shared = min_shared
        self._entries: dict[int, Entry] = {}  # by lane
        self.stash = Stash(stash_bytes)
        self._num_uses = 0  # stands for the time: what was used last has the greatest number
        self._num_computed = 0

    @property
    def lanes(self) -> Iterable[int]:
        return self._entries.keys()

    def find(self, sequence: Sequence, running: Iterable[Sequence]) -> Match | None:
        """The longest computed beginning of its tokens, among entries and running sequences.

        Its last token is never part of it: somebody has to compute the logits.
        """
        best: Match | None = None
        for match in self._matches(sequence, running):
            if match.count >= self._min_shared and (best is None or match.count > best.count):
                best = match
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
        for whole in (*self._entries.values(), *self.stash.entries.values()):
            if whole.domain == domain and self._holds(whole.tokens, tokens):
                self._use(whole)
                return [lane]
        useless = [
            other
            for other, entry in self._entries.items()
            if entry.domain == domain and _begins(entry.tokens, tokens)
        ]
        for other in useless:
            del self._entries[other]
        self.stash.is_tidy = False
        self._entries[lane] = Entry(domain, tokens)
        self._use(self._entries[lane])
        return useless

    def use(self, match: Match) -> None:
        """Somebody goes on from it; of no effect where a running sequence was matched."""
        stowed = self.stash.entries.get(match.key) if match.key is not None else None
        source = self._entries.get(match.lane) if match.lane is not None else stowed
        if source is not None:
            self._use(source)

    # ------------------------------------------------------------------ the stash

    def note_computed(self, num_tokens: int) -> None:
        self._num_computed += num_tokens

    def find_idle(self) -> int | None:
        """The lane of an entry that is in the way for longer than it is worth."""
        for lane, entry in self._entries.items():
            if self._num_computed - entry.computed_at >= STOW_AFTER_TOKENS:
                return lane if self.stash.is_open else None
        return None

    def find_spare(self) -> int | None:
        """The lane of any entry but the one used last: that one is the likeliest to be wanted next."""
        lanes = sorted(self._entries, key=lambda lane: self._entries[lane].used_at)
        return lanes[0] if len(lanes) > 1 and self.stash.is_open else None

    def stow(self, lane: int) -> int | None:
        """The entry gives up its lane. Returns the key for its cells; None if they are to be dropped."""
        entry = self._entries.pop(lane)
        return self.stash.add(entry) if self.stash.is_open else None

    def checkpoint(self, domain: str, tokens: list[int]) -> int | None:
        """Makes an entry of a state that its sequence goes on from. Returns the key for it, if it is new."""
        if not domain or len(tokens) < self._min_shared or not self.stash.is_open:
            return None
        for entry in self.stash.entries.values():
            if entry.domain == domain and entry.tokens == tokens:
                self._use(entry)
                return None
        entry = Entry(domain, tokens)
        self._use(entry)
        return self.stash.add(entry)

    def entries(self) -> Iterator[tuple[Entry, int | None, int | None]]:
        """Each with the lane that holds it, or the key under which it is stowed."""
        for lane, entry in self._entries.items():
            yield entry, lane, None
        for key, entry in self.stash.entries.items():
            yield entry, None, key

    def forget(self, is_theirs: Callable[[str], bool]) -> tuple[list[int], int, int]:
        """Gives up entries by their domains: the lanes of some; how many others, of how many bytes.

        Those have no domain then, so nobody finds them, and `drop_stowed` names them next.
        """
        lanes = [lane for lane, entry in self._entries.items() if is_theirs(entry.domain)]
        for lane in lanes:
            del self._entries[lane]
        stowed = [entry for entry in self.stash.entries.values() if is_theirs(entry.domain)]
        for entry in stowed:
            entry.domain = ""
        self.stash.is_tidy = False
        return lanes, len(stowed), sum(entry.num_bytes for entry in stowed)

    def drop_stowed(self) -> list[int]:
        """Keys of what is of no use any more, or too much: what was used longest ago."""
        return self.stash.tidy(self._is_superseded)

    # ------------------------------------------------------------------ what makes way

    def choose_for_lane(self, own: Callable[[int], int], *, spared: int | None) -> int | None:
        """The entry whose loss costs least to make good, for how long nobody wanted it.

        `own` says how many cells only this lane holds: what others hold too would not be lost.
        """
        lanes = [lane for lane in self._entries if lane != spared]
        return min(lanes, key=lambda lane: (own(lane) + 1) / self._idle(lane), default=None)

    def choose_for_cells(self, own: Callable[[int], int]) -> int | None:
        """The entry unused for longest of those that free a cell.

        Each cell taken costs one token computed again, whosever it is, so only the age decides.
        """
        lanes = [lane for lane in self._entries if own(lane)]
        return max(lanes, key=self._idle, default=None)

    def check(self) -> None:
        """Raises AssertionError if an entry with a lane begins another: one of them would be useless."""
        for one in self._entries.values():
            assert one.domain and len(one.tokens) >= self._min_shared
            assert not any(_is_part(one, other) for other in self._entries.values())
        assert self.stash.is_open or not any(entry.domain for entry in self.stash.entries.values())

    def length(self, lane: int) -> int:
        return len(self._entries[lane].tokens)

    # ------------------------------------------------------------------ steps

    def _find_promise(self, sequence: Sequence, running: Iterable[Sequence]) -> tuple[Sequence, int] | None:
        """Who will have computed how much of it. Nobody waits for a lesser one, which itself may have to."""
        best: tuple[Sequence, int] | None = None
        for other in running if self.shares_parts else ():
            if other.state is State.PREFILL and _may_share(other, sequence):
                shared = self._common(sequence, other.tokens)
                if other.standing <= sequence.standing and shared > (best[1] if best else 0):
                    best = (other, shared)
        if best is None:
            return None
        found = self.find(sequence, running)
        return best if best[1] >= (found.count if found else 0) + self._min_shared else None

    def _matches(self, sequence: Sequence, running: Iterable[Sequence]) -> Iterator[Match]:
        """What everything in the sequence's domain has in common with it, long or short."""
        domain = sequence.domain
        if not domain:
            return
        if self.shares_parts:
            # What runs comes first: of two equally long matches, sharing with it takes no further cells.
            for other in running:
                if other.lane is not None and other.domain == domain:
                    shared = min(self._common(sequence, other.tokens), other.num_computed)
                    yield Match(before_view(sequence.tokens, shared), other.lane)
            for lane, entry in self._entries.items():
                if entry.domain == domain:
                    yield Match(self._common(sequence, entry.tokens), lane)
        for key, entry in self.stash.entries.items():
            if entry.domain == domain:
                shared, length = self._common(sequence, entry.tokens), len(entry.tokens)
                if self.shares_parts or shared == length:
                    yield Match(shared, None, key, length)

    def _common(self, sequence: Sequence, tokens: list[int]) -> int:
        """Tokens that both begin with, without the sequence's last and views that are cut; 0 if too few."""
        head = self._min_shared
        if sequence.tokens[:head] != tokens[:head]:
            return 0
        shared = min(common_prefix(sequence.tokens, tokens), len(sequence.tokens) - 1)
        return before_view(sequence.tokens, shared)

    def _idle(self, lane: int) -> int:
        return self._num_uses - self._entries[lane].used_at + 1

    def _holds(self, whole: list[int], tokens: list[int]) -> bool:
        """Whether an entry of the one is of use to whom one of the other would be."""
        return _begins(tokens, whole) if self.shares_parts else tokens == whole

    def _is_superseded(self, entry: Entry) -> bool:
        """Whether another entry is of use wherever this one would be, or this one is nobody's any more."""
        if not entry.domain:
            return True
        others = (*self._entries.values(), *self.stash.entries.values())
        return self.shares_parts and any(map(partial(_is_part, entry), others))

    def _use(self, entry: Entry) -> None:
        self._num_uses += 1
        entry.used_at = self._num_uses
        entry.computed_at = self._num_computed


def _is_part(entry: Entry, other: Entry) -> bool:
    """Whether the other one holds all that this one does."""
    return entry is not other and entry.domain == other.domain and _begins(entry.tokens, other.tokens)


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
