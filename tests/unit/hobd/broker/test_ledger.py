"""The ledger never promises more than there is, and everything that comes back is free again."""

from __future__ import annotations

import pytest
from hobd.broker.account import Account, Line, Purpose
from hobd.broker.ledger import Ledger, OverBudget
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

HOLDERS = ("a", "b", "c", "d")
BUDGET = {"ram": 100, "gpu": 50}


def account(ram: int = 0, gpu: int = 0) -> Account:
    sizes = {"ram": ram, "gpu": gpu}
    return tuple(
        Line(device=device, purpose=Purpose.WEIGHTS, num_bytes=n) for device, n in sizes.items() if n
    )


def assert_accounts_balance(ledger: Ledger) -> None:
    """Whatever is not free is charged to somebody, to the byte."""
    for balance in ledger.balances():
        charged = sum(ledger.charged(holder).get(balance.device, 0) for holder in ledger.holders)
        assert balance.free_bytes == balance.budget_bytes - charged


def test_reservation_over_the_budget_is_refused_and_changes_nothing() -> None:
    ledger = Ledger(BUDGET)
    ledger.reserve("a", account(ram=60))
    with pytest.raises(OverBudget) as caught:
        ledger.reserve("b", account(ram=41, gpu=10))
    assert caught.value.missing == {"ram": 1} and ledger.free == {"ram": 40, "gpu": 50}


def test_device_without_a_budget_has_nothing() -> None:
    with pytest.raises(OverBudget):
        Ledger({"ram": 10}).reserve("a", account(gpu=1))


def test_measurement_beyond_the_budget_is_an_overdraft_that_blocks_reservations() -> None:
    ledger = Ledger(BUDGET)
    ledger.reserve("a", account(ram=90))
    ledger.correct("a", account(ram=120))
    assert ledger.free["ram"] == -20
    with pytest.raises(OverBudget) as caught:
        ledger.reserve("b", account(ram=1))
    assert caught.value.missing == {"ram": 21}
    ledger.release("a")
    assert ledger.free == BUDGET


def test_overdrawn_device_stops_nobody_who_needs_another_one() -> None:
    ledger = Ledger(BUDGET)
    ledger.reserve("a", account(ram=90))
    ledger.correct("a", account(ram=120))
    ledger.reserve("b", account(gpu=50))
    assert ledger.free["gpu"] == 0


def test_measurement_below_the_reservation_gives_the_rest_back() -> None:
    ledger = Ledger(BUDGET)
    ledger.reserve("a", account(ram=90))
    ledger.correct("a", account(ram=30))
    ledger.reserve("b", account(ram=70))
    [ram, _] = ledger.balances()
    assert (ram.reserved_bytes, ram.measured_bytes, ram.free_bytes) == (160, 30, 0)


class AnyBookkeeping(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(BUDGET)

    @rule(holder=st.sampled_from(HOLDERS), ram=st.integers(0, 120), gpu=st.integers(0, 60))
    def reserve(self, holder: str, ram: int, gpu: int) -> None:
        if holder in self.ledger.holders:
            return
        free = self.ledger.free
        fits = all(not n or n <= free[device] for device, n in (("ram", ram), ("gpu", gpu)))
        try:
            self.ledger.reserve(holder, account(ram, gpu))
        except OverBudget:
            assert not fits and self.ledger.free == free
        else:
            assert fits

    @rule(holder=st.sampled_from(HOLDERS), ram=st.integers(0, 120), gpu=st.integers(0, 60))
    def correct(self, holder: str, ram: int, gpu: int) -> None:
        if holder in self.ledger.holders:
            self.ledger.correct(holder, account(ram, gpu))

    @rule(holder=st.sampled_from(HOLDERS))
    def release(self, holder: str) -> None:
        if holder in self.ledger.holders:
            self.ledger.release(holder)

    @invariant()
    def balanced(self) -> None:
        assert_accounts_balance(self.ledger)

    def teardown(self) -> None:
        for holder in self.ledger.holders:
            self.ledger.release(holder)
        assert self.ledger.free == BUDGET


AnyBookkeeping.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
test_any_bookkeeping = AnyBookkeeping.TestCase
