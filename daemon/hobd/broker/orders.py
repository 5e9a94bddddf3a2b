"""What residency tells tenancy to do, as values.

Must stay data. Made by residency.py, carried out by tenancy.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from hobd.errors import HobError


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
    """End its worker. `beneficiary`: the model that gets its room; empty when it was idle too long."""

    model: str
    beneficiary: str = ""


Order = Grant | Refuse | Load | Evict


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many wait for a model to get room, and since when the first of them does."""

    model: str
    num_waiting: int
    since: float
