"""What is known of the states that were sealed, and which of them go when there is no room.

Must stay pure: no clock, no I/O, and not the states themselves, which lie in vault.py under the same keys.

A byte is worth what computing it again would cost, for as long as it was not wanted: the state whose bytes
are worth least goes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One state. `cost`: of computing it again, in any unit that is the same for all."""

    model: str
    domain: str
    num_bytes: int
    cost: float


class Pool:
    """Items by key; at most `limit_bytes` of them after every call."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.num_bytes = 0
        self._items: dict[int, Item] = {}
        self._used_at: dict[int, int] = {}
        self._num_uses = 0

    def __contains__(self, key: int) -> bool:
        return key in self._items

    def __getitem__(self, key: int) -> Item:
        return self._items[key]

    def add(self, key: int, item: Item) -> list[int]:
        """One more, used just now. Returns the keys of those that have to go for it, maybe its own."""
        assert key not in self._items, f"state {key} is there already"
        self._num_uses += 1
        self._items[key], self._used_at[key] = item, self._num_uses
        self.num_bytes += item.num_bytes
        gone = []
        if item.num_bytes > self.limit_bytes:  # nobody need go for what does not fit alone
            gone.append(key)
            self.remove(key)
        while self.num_bytes > self.limit_bytes:
            gone.append(min(self._items, key=self._worth))
            self.remove(gone[-1])
        return gone

    def remove(self, key: int) -> None:
        self.num_bytes -= self._items.pop(key).num_bytes
        del self._used_at[key]

    def of(self, model: str, most_bytes: int, most: int) -> list[int]:
        """A model's, those used last first, as many as fit into so much."""
        found = sorted(
            (key for key, item in self._items.items() if item.model == model),
            key=self._used_at.__getitem__,
            reverse=True,
        )
        chosen = []
        for key in found[:most]:
            most_bytes -= self._items[key].num_bytes
            if most_bytes < 0:
                break
            chosen.append(key)
        return chosen

    def forget(self, is_theirs: Callable[[Item], bool]) -> tuple[list[int], int]:
        """Drops those for which it is true. Returns their keys, and how many bytes they were."""
        keys = [key for key, item in self._items.items() if is_theirs(item)]
        before = self.num_bytes
        for key in keys:
            self.remove(key)
        return keys, before - self.num_bytes

    def usage(self) -> dict[str, tuple[int, int]]:
        """How many states of each model, and how many bytes."""
        used: dict[str, tuple[int, int]] = {}
        for item in self._items.values():
            num, num_bytes = used.get(item.model, (0, 0))
            used[item.model] = num + 1, num_bytes + item.num_bytes
        return used

    def _worth(self, key: int) -> float:
        item = self._items[key]
        return item.cost / item.num_bytes / (self._num_uses - self._used_at[key] + 1)
