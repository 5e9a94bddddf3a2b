"""Any traffic: no deadlock, no double load, no eviction under a lease, everybody served or refused in time.

World objects to broken promises while they are carried out; the rest is checked after every step.
"""

from __future__ import annotations

from hobd.broker.account import RAM
from hobd.broker.tenant import Place, Policy
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.hobd.broker.world import World

SIZES = {"a": 40, "b": 60, "c": 30, "d": 90}
MODELS = st.sampled_from(sorted(SIZES))
POLICY = Policy(max_resident=3, idle_ttl_seconds=600, room_wait_seconds=120, max_waiting=6)


class AnyTraffic(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World(SIZES, budget=100, policy=POLICY)

    @rule(model=MODELS)
    def want(self, model: str) -> None:
        self.world.want(model)

    @rule(index=st.integers(0, 9), keep=st.sampled_from([0, 30, 1000]))
    def drop(self, index: int, keep: int) -> None:
        tickets = [*self.world.leases, *self.world.queue, *self.world.refusals]
        if tickets:
            self.world.drop(tickets[index % len(tickets)], keep_seconds=keep, kv_seconds=keep / 100)

    @rule(model=MODELS, seconds=st.floats(0.01, 30), excess=st.sampled_from([-10, 0, 0, 0, 25]))
    def load(self, model: str, seconds: float, excess: int) -> None:
        if model in self.world.loading:
            self.world.finish_load(model, seconds=seconds, measured=SIZES[model] + excess)

    @rule(model=MODELS)
    def fail_load(self, model: str) -> None:
        if model in self.world.loading:
            self.world.fail_load(model)

    @rule(model=MODELS)
    def leave(self, model: str) -> None:
        if model in self.world.leaving:
            self.world.leave(model)

    @rule(model=MODELS)
    def die(self, model: str) -> None:
        if self.world.is_ready(model):
            self.world.die(model)

    @rule(model=MODELS)
    def unload(self, model: str) -> None:
        if self.world.is_ready(model):
            self.world.unload(model)

    @rule(model=MODELS, pinned=st.booleans())
    def pin(self, model: str, pinned: bool) -> None:
        self.world.pin(model, pinned)

    @rule()
    def memory_is_short(self) -> None:
        has_idle, num_leaving = self.world.residency.has_idle, len(self.world.leaving)
        self.world.let_one_go()
        assert len(self.world.leaving) > num_leaving or not has_idle

    @rule(seconds=st.sampled_from([0.01, 1, 20, 300]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @invariant()
    def ledger_is_what_is_in_memory(self) -> None:
        residency = self.world.residency
        here = {model for model in SIZES if residency.place(model) is not Place.ABSENT}
        assert set(residency.ledger.holders) == here and len(here) <= 3
        charged = sum(residency.ledger.charged(model)[RAM] for model in here)
        assert residency.ledger.free[RAM] == 100 - charged

    @invariant()
    def only_measurements_overdraw(self) -> None:
        ledger = self.world.residency.ledger
        holdings = [holding for holder in ledger.holders if (holding := ledger.holding(holder))]
        if all(holding.measured is None for holding in holdings):
            assert ledger.free[RAM] >= 0

    @invariant()
    def every_ticket_is_somewhere(self) -> None:
        residency = self.world.residency
        leased = {ticket for model in SIZES for ticket in residency.tenant(model).leases}
        assert leased == self.world.leases.keys()
        assert sum(waiting.num_waiting for waiting in residency.waiting) == len(self.world.queue) <= 6

    @invariant()
    def nobody_waits_beyond_the_time(self) -> None:
        assert all(self.world.now - self.world.since[ticket] < 120 for ticket in self.world.queue)

    @invariant()
    def nobody_waits_for_what_is_here(self) -> None:
        """Unless its turn is over and it goes for somebody else."""
        for model in set(self.world.queue.values()):
            tenant = self.world.residency.tenant(model)
            assert tenant.place in (Place.ABSENT, Place.LEAVING) or tenant.is_closed(self.world.now)

    @invariant()
    def first_in_the_row_has_something_to_wait_for(self) -> None:
        """A model to come, to go, to fall idle or out of its turn; or it would wait for nothing."""
        world = self.world
        if world.queue:
            assert world.loading or world.leaving or world.leases or world.residency.deadline() is not None

    def teardown(self) -> None:
        """When all is given back, all go, and the ledger is empty."""
        world = self.world
        for model in SIZES:
            world.pin(model, False)
        while world.leases or world.queue or world.refusals:
            for ticket in [*world.refusals, *world.leases]:
                world.drop(ticket)
            world.settle()
            world.wait(1)
        for _ in range(2):
            world.settle()
            world.wait(2000)
        world.settle()
        assert world.residency.ledger.holders == [] and world.residency.deadline() is None


AnyTraffic.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
test_any_traffic = AnyTraffic.TestCase
