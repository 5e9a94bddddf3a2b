"""What is known of the prefixes that were moved out of the KV cache, and which of them go when it is full.

Must stay pure: the cells themselves are the engine's and lie with the loop, under the same keys.
Held by prefix_cache.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Entry:
    """The tokens that somebody's prompt and answer were made of, and when they were of use last."""

    domain: str
    tokens: list[int] = field(repr=False)
    used_at: int = 0
    computed_at: int = 0  # tokens that had been computed when it was used last
    num_bytes: int = 0  # when stowed


class Stash:
    """Entries by key. At most `most_bytes` after `tidy`; with none there is no stash."""

    def __init__(self, most_bytes: int) -> None:
        self.entries: dict[int, Entry] = {}
        self._most_bytes = most_bytes
        self._is_closed = False
        self._num_keys = 0
        self.is_tidy = True  # nothing has changed since the last look through it

    @property
    def is_open(self) -> bool:
        return self._most_bytes > 0 and not self._is_closed

    def close(self) -> None:
        """Until `reopen` nothing is stowed. What is there is of no domain any more: `tidy` drops it next."""
        self._is_closed = True
        self.is_tidy = False
        for entry in self.entries.values():
            entry.domain = ""

    def reopen(self) -> None:
        self._is_closed = False

    @property
    def num_bytes(self) -> int:
        return sum(entry.num_bytes for entry in self.entries.values())

    def add(self, entry: Entry) -> int:
        """The key for its cells."""
        self._num_keys += 1
        self.entries[self._num_keys] = entry
        self.is_tidy = False
        return self._num_keys

    def note_bytes(self, key: int, num_bytes: int) -> None:
        """The cells under the key take so much memory."""
        if key in self.entries:
            self.entries[key].num_bytes = num_bytes
            self.is_tidy = False

    def tidy(self, is_useless: Callable[[Entry], bool]) -> list[int]:
        """Drops what is of no use, and of the rest what was used longest ago. Returns their keys."""
        if self.is_tidy:
            return []
        self.is_tidy = True
        dropped = [key for key, entry in self.entries.items() if is_useless(entry)]
        for key in dropped:
            del self.entries[key]
        while self.num_bytes > self._most_bytes:
            dropped.append(min(self.entries, key=lambda key: self.entries[key].used_at))
            del self.entries[dropped[-1]]
        return dropped
