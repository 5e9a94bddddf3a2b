"""Residency's promises: never over the limit, never under a lease, nothing loaded twice."""

from __future__ import annotations

import pytest
from hobd.broker.residency import Action, Place, Residency
from hobd.errors import Busy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

MODELS = ("a", "b", "c", "d")


def given_ready(residency: Residency, model: str) -> None:
    assert residency.acquire(model).action is Action.LOAD
    residency.loaded(model)
    residency.release(model)


def test_second_request_waits_for_the_first_ones_load() -> None:
    residency = Residency(1)
    assert residency.acquire("a").action is Action.LOAD
    assert residency.acquire("a").action is Action.WAIT
    residency.loaded("a")
    assert residency.acquire("a").action is Action.USE


def test_idle_model_longest_unused_is_evicted() -> None:
    residency = Residency(2)
    for model in ("a", "b"):
        given_ready(residency, model)
    residency.acquire("a")
    residency.release("a")
    assert residency.acquire("c").evict == ("b",)


def test_idle_model_is_evicted_before_request_is_refused() -> None:
    residency = Residency(1)
    given_ready(residency, "a")
    assert residency.acquire("b").evict == ("a",)
    with pytest.raises(Busy, match="room for 1 models"):
        residency.acquire("c")


@pytest.mark.parametrize("reason", ["leased", "pinned"])
def test_model_in_use_or_pinned_is_never_evicted(reason: str) -> None:
    residency = Residency(1)
    given_ready(residency, "a")
    if reason == "leased":
        residency.acquire("a")
    else:
        residency.pin("a", True)
    with pytest.raises(Busy):
        residency.acquire("b")
    assert residency.place("b") is Place.ABSENT and residency.leases("b") == 0


def test_model_on_its_way_out_is_to_be_asked_for_again() -> None:
    residency = Residency(1)
    given_ready(residency, "a")
    assert residency.unload("a")
    assert residency.acquire("a").action is Action.RETRY
    residency.left("a")
    assert residency.acquire("a").action is Action.LOAD


def test_model_that_dies_in_use_keeps_its_place_and_its_leases() -> None:
    residency = Residency(1)
    residency.acquire("a")
    residency.loaded("a")
    assert residency.died("a") and residency.place("a") is Place.LOADING
    with pytest.raises(Busy):
        residency.acquire("b")
    assert residency.acquire("a").action is Action.WAIT and residency.leases("a") == 2


def test_model_that_dies_unused_is_absent() -> None:
    residency = Residency(1)
    given_ready(residency, "a")
    assert not residency.died("a") and residency.place("a") is Place.ABSENT


class AnyTraffic(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.residency = Residency(2)
        self.leases = dict.fromkeys(MODELS, 0)

    @rule(model=st.sampled_from(MODELS))
    def acquire(self, model: str) -> None:
        before = {name: self.residency.place(name) for name in MODELS}
        try:
            decision = self.residency.acquire(model)
        except Busy:
            return
        assert (decision.action is Action.LOAD) == (before[model] is Place.ABSENT), (
            "loaded twice, or not at all"
        )
        for victim in decision.evict:
            assert before[victim] is Place.READY and self.leases[victim] == 0
        if decision.action is not Action.RETRY:
            self.leases[model] += 1

    @rule(model=st.sampled_from(MODELS))
    def release(self, model: str) -> None:
        if self.leases[model]:
            self.residency.release(model)
            self.leases[model] -= 1

    @rule(model=st.sampled_from(MODELS), succeeds=st.booleans())
    def finish_load(self, model: str, succeeds: bool) -> None:
        if self.residency.place(model) is Place.LOADING:
            (self.residency.loaded if succeeds else self.residency.failed)(model)

    @rule(model=st.sampled_from(MODELS))
    def unload(self, model: str) -> None:
        was_ready = self.residency.place(model) is Place.READY
        assert self.residency.unload(model) is was_ready

    @rule(model=st.sampled_from(MODELS))
    def leave(self, model: str) -> None:
        if self.residency.place(model) is Place.LEAVING:
            self.residency.left(model)

    @rule(model=st.sampled_from(MODELS))
    def die(self, model: str) -> None:
        if self.residency.place(model) is Place.READY:
            assert self.residency.died(model) is (self.leases[model] > 0)

    @rule(model=st.sampled_from(MODELS), pinned=st.booleans())
    def pin(self, model: str, pinned: bool) -> None:
        self.residency.pin(model, pinned)

    @invariant()
    def never_over_the_limit(self) -> None:
        staying = [model for model in MODELS if self.residency.place(model) in (Place.LOADING, Place.READY)]
        assert len(staying) <= 2

    @invariant()
    def leases_balance(self) -> None:
        assert {model: self.residency.leases(model) for model in MODELS} == self.leases


AnyTraffic.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_any_traffic = AnyTraffic.TestCase
