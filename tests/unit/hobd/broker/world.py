"""A world around Residency: carries its orders out in no time, and objects to each that breaks a promise.

Must know the promises only, not how residency keeps them. Used by tests of residency.
"""

from __future__ import annotations

from hobd.broker.account import RAM, Account, Line, Purpose
from hobd.broker.ledger import Ledger
from hobd.broker.orders import Evict, Grant, Load, Order, Refuse
from hobd.broker.residency import Residency
from hobd.broker.tenant import Place, Policy
from hobd.errors import HobError


def account(num_bytes: int) -> Account:
    return (Line(device=RAM, purpose=Purpose.WEIGHTS, num_bytes=num_bytes),)


class World:
    """`sizes` of models in a budget; loads and departures last until they are said to be over."""

    def __init__(self, sizes: dict[str, int], budget: int, policy: Policy | None = None) -> None:
        self.sizes = dict(sizes)
        self.now = 1000.0
        self.residency = Residency(Ledger({RAM: budget}), policy or Policy())
        self.leases: dict[int, str] = {}
        self.queue: dict[int, str] = {}
        self.since: dict[int, float] = {}
        self.refusals: dict[int, HobError] = {}
        self.loading: set[str] = set()
        self.leaving: set[str] = set()
        self.history: list[str] = []  # loads and evictions
        self._next = 1

    def want(self, model: str) -> int:
        ticket, self._next = self._next, self._next + 1
        self.queue[ticket], self.since[ticket] = model, self.now
        self._obey(self.residency.want(ticket, model, account(self.sizes[model]), self.now))
        return ticket

    def drop(self, ticket: int, **said: float) -> None:
        self.leases.pop(ticket, None)
        self.queue.pop(ticket, None)
        self.refusals.pop(ticket, None)
        self._obey(self.residency.drop(ticket, self.now, **said))

    def finish_load(self, model: str, *, seconds: float = 1.0, measured: int | None = None) -> None:
        self.wait(seconds)
        self.loading.remove(model)
        self._obey(self.residency.loaded(model, account(measured or self.sizes[model]), self.now))

    def fail_load(self, model: str) -> None:
        self.loading.remove(model)
        self._obey(self.residency.failed(model, self.now))

    def leave(self, model: str) -> None:
        self.leaving.remove(model)
        self._obey(self.residency.left(model, self.now))

    def die(self, model: str) -> None:
        self._obey(self.residency.died(model, self.now))

    def unload(self, model: str) -> None:
        self.leaving.add(model)
        self._obey(self.residency.unload(model, self.now))

    def pin(self, model: str, pinned: bool = True) -> None:
        self._obey(self.residency.pin(model, pinned, self.now))

    def let_one_go(self) -> None:
        self._obey(self.residency.let_one_go(self.now))

    def wait(self, seconds: float) -> None:
        """Ticks as often as residency asks for it, and never for nothing."""
        end = self.now + seconds
        while (due := self.residency.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self._obey(self.residency.tick(self.now))
            after = self.residency.deadline()
            assert after is None or after > self.now, "a deadline that is never over"
        self.now = end

    def settle(self) -> None:
        """Whatever is under way ends well."""
        while self.loading or self.leaving:
            for model in list(self.leaving):
                self.leave(model)
            for model in list(self.loading):
                self.finish_load(model)

    def use(self, model: str) -> None:
        """A whole request, with nobody else about."""
        ticket = self.want(model)
        self.settle()
        assert ticket in self.leases, f"{model} was not granted"
        self.drop(ticket)

    def is_ready(self, model: str) -> bool:
        return self.residency.place(model) is Place.READY

    def _obey(self, orders: list[Order]) -> None:
        for order in orders:
            match order:
                case Grant():
                    self.leases[order.ticket] = self.queue.pop(order.ticket)
                case Refuse():
                    self.refusals[order.ticket] = order.error
                    del self.queue[order.ticket]
                case Load():
                    assert order.model not in self.loading | self.leaving, f"{order.model} loads twice"
                    self.loading.add(order.model)
                    self.history.append(f"+{order.model}")
                case Evict():
                    assert order.model not in self.leases.values(), f"{order.model} evicted under a lease"
                    assert not self.residency.tenant(order.model).pinned, f"{order.model} was pinned"
                    self.leaving.add(order.model)
                    self.history.append(f"-{order.model}")
