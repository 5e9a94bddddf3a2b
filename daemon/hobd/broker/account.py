"""A model's memory account: how many bytes it takes on which device, and for what.

Must stay values: who reserves them is ledger.py's, where the numbers come from is estimate.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

#: The device that every machine has: what its processors compute in.
RAM = "ram"


class Purpose(StrEnum):
    """What a model's bytes are for; the names are those of the contract's MemoryLine."""

    WEIGHTS = "weights"
    KV_CACHE = "kv_cache"
    COMPUTE = "compute"
    PROJECTOR = "projector"
    DRAFT = "draft"
    ADAPTERS = "adapters"
    PREFIX_CACHE = "prefix_cache"
    OVERHEAD = "overhead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many bytes of one device for one purpose."""

    device: str
    purpose: Purpose
    num_bytes: int


Account = tuple[Line, ...]


def totals(account: Iterable[Line]) -> dict[str, int]:
    """Bytes by device."""
    sums: dict[str, int] = {}
    for line in account:
        sums[line.device] = sums.get(line.device, 0) + line.num_bytes
    return sums
