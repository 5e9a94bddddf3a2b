"""What residency tells tenancy to do, as values.

Must stay data. Made by residency.py, carried out by tenancy.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hobd.errors import HobError

#: Why a model leaves: idle for too long, another one gets its room, or the machine is short of memory.
Reason = Literal["idle", "room", "pressure"]


@dataclass(frozen=True, slots=True)
class Grant:
    """The ticket is a lease now; its model is here or loads."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The ticket waits no longer. It is still to be dropped."""

    ticket: int
    error: HobError


@dataclass(frozen=True, slots=True)
class Load:
    model: str


@dataclass(frozen=True, slots=True)
class Evict:
    """End its worker. `beneficiary`: the model that gets its room, when that is why."""

    model: str
    reason: Reason
    beneficiary: str = ""


Order = Grant | Refuse | Load | Evict


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many wait for a model to get room, and since when the first of them does."""

    model: str
    num_waiting: int
    since: float
