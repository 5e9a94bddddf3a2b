"""Holds the memory accounts: how much of each device is promised, to whom, and how much is left.

Must never promise more than the budget; does no I/O and reads no clock. Called by residency.py only.

What a model was measured to take replaces what was reserved for it. That may be more than the budget has:
the device is overdrawn then, which everybody can see, and nothing more is promised until somebody leaves.

      budget ┌───────────────┬──────────────────────┬─────────┐
             │ a: measured   │ b: reserved (loads)  │  free   │    free < 0: overdrawn
             └───────────────┴──────────────────────┴─────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hobd.broker.account import Account, totals


class OverBudget(Exception):
    """More was to be reserved than is free. `missing`: bytes by device."""

    def __init__(self, missing: dict[str, int]) -> None:
        super().__init__(f"over the budget by {missing}")
        self.missing = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one holder has: as promised, and as measured; None before that."""

    reserved: Account
    measured: Account | None = None
    totals: dict[str, int] = field(repr=False)

    @property
    def charged(self) -> Account:
        return self.reserved if self.measured is None else self.measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One device; `free_bytes` is negative when it is overdrawn."""

    device: str
    budget_bytes: int
    reserved_bytes: int  # as promised before the loads
    measured_bytes: int  # of those that were measured
    free_bytes: int


class Ledger:
    """`reserve` before a load, `correct` after it, `release` when its memory is free again."""

    __slots__ = ("_budget", "_free", "_holdings")

    def __init__(self, budget: Mapping[str, int]) -> None:
        self._budget = dict(budget)
        self._free = dict(budget)
        self._holdings: dict[str, Holding] = {}

    def reserve(self, holder: str, account: Account) -> None:
        """Raises OverBudget. A device that the budget does not name has nothing."""
        assert holder not in self._holdings, f"{holder} has a reservation already"
        needed = totals(account)
        missing = lacking(needed, self._free)
        if missing:
            raise OverBudget(missing)
        self._enter(holder, Holding(reserved=account, totals=needed))

    def correct(self, holder: str, account: Account) -> None:
        """Puts a measurement in the place of what is charged so far."""
        before = self._leave(holder)
        self._enter(holder, Holding(reserved=before.reserved, measured=account, totals=totals(account)))

    def release(self, holder: str) -> None:
        self._leave(holder)

    # ------------------------------------------------------------------ what others may look at

    def holding(self, holder: str) -> Holding | None:
        return self._holdings.get(holder)

    def charged(self, holder: str) -> dict[str, int]:
        """Bytes by device that would be free without it."""
        holding = self._holdings.get(holder)
        return {} if holding is None else holding.totals

    @property
    def holders(self) -> list[str]:
        return list(self._holdings)

    @property
    def budget(self) -> dict[str, int]:
        return dict(self._budget)

    @property
    def free(self) -> dict[str, int]:
        """By device; negative where more was measured than there is."""
        return dict(self._free)

    def balances(self) -> list[Balance]:
        """Every device that has a budget or a charge."""
        reserved = totals(line for each in self._holdings.values() for line in each.reserved)
        measured = totals(line for each in self._holdings.values() for line in each.measured or ())
        return [
            Balance(
                device=device,
                budget_bytes=self._budget.get(device, 0),
                reserved_bytes=reserved.get(device, 0),
                measured_bytes=measured.get(device, 0),
                free_bytes=free,
            )
            for device, free in self._free.items()
        ]

    # ------------------------------------------------------------------ private steps

    def _enter(self, holder: str, holding: Holding) -> None:
        self._holdings[holder] = holding
        for device, num_bytes in holding.totals.items():
            self._free[device] = self._free.get(device, 0) - num_bytes

    def _leave(self, holder: str) -> Holding:
        holding = self._holdings.pop(holder)
        for device, num_bytes in holding.totals.items():
            self._free[device] += num_bytes
        return holding


def lacking(needed: Mapping[str, int], free: Mapping[str, int]) -> dict[str, int]:
    """Bytes by device that are missing; empty if it fits. Who needs nothing of a device does not ask it."""
    return {
        device: num_bytes - free.get(device, 0)
        for device, num_bytes in needed.items()
        if num_bytes > max(0, free.get(device, 0))
    }


def plus(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {device: one.get(device, 0) + other.get(device, 0) for device in one.keys() | other.keys()}
