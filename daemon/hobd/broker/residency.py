"""Decides which models are in memory: who uses, who waits, who loads, who must go for it.

Must do no I/O and read no clock: times come in, in seconds of one steady clock. tenancy.py carries its orders
out and reports what became of them. Called by tenancy.py only.

               room            loaded
    ABSENT ─────────> LOADING ──────────> READY
       ^                 │ ^  died, leased  │ │
       │          failed │ └────────────────┘ │ made room, was idle too long, or unload
       ├─────────────────┘                    v
       └────────────────────────────────── LEAVING
                      left

Who wants a model gets a ticket. If the model is here, or comes, the ticket is a lease at once; otherwise it
waits in a row of models, with those who want the same one. The first of the row gets the next room; others
pass only into room that the first ones will not need. A model's key is its name: nothing else that a request
says can cause a load.
"""

from __future__ import annotations

from hobd.broker.account import Account, totals
from hobd.broker.ledger import Ledger, lacking, plus
from hobd.broker.no_room import pinned_out, row_is_full, too_big, waited_too_long
from hobd.broker.orders import Evict, Grant, Load, Order, Reason, Refuse, Waiting
from hobd.broker.room import choose, least_missed
from hobd.broker.tenant import Place, Policy, Tenant
from hobd.errors import HobError

_SEATS = "seats"  # a device of the arithmetic alone: how many models there may be


class _Want:
    """A model's place in the row."""

    __slots__ = ("account", "model", "needed", "since", "tickets")

    def __init__(self, model: str, account: Account, since: float) -> None:
        self.model = model
        self.account = account
        self.needed = totals(account) | {_SEATS: 1}
        self.since = since
        self.tickets: dict[int, float] = {}  # until when each waits


class Residency:
    """Every event takes the time and returns what is to be done, in order."""

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self.ledger = ledger
        self._policy = policy
        self._tenants: dict[str, Tenant] = {}
        self._wants: dict[str, _Want] = {}  # in the order of their first tickets
        self._models: dict[int, str] = {}  # of every ticket
        self._orders: list[Order] = []

    # ------------------------------------------------------------------ who wants what

    def want(self, ticket: int, model: str, account: Account, now: float) -> list[Order]:
        """A new ticket. Give it back with `drop`, whatever becomes of it."""
        assert ticket not in self._models, f"ticket {ticket} is out already"
        self._models[ticket] = model
        self._tenant(model).note_want(now)
        if sum(len(want.tickets) for want in self._wants.values()) >= self._policy.max_waiting:
            self._orders.append(Refuse(ticket, row_is_full(model, self._policy.max_waiting)))
        else:
            want = self._wants.setdefault(model, _Want(model, account, now))
            want.tickets[ticket] = now + self._policy.room_wait_seconds
        return self._settle(now)

    def drop(
        self, ticket: int, now: float, *, keep_seconds: float = 0.0, kv_seconds: float | None = None
    ) -> list[Order]:
        """A ticket comes back: a lease, or somebody who waits no longer.

        `keep_seconds` can only lengthen its stay; `kv_seconds`: what its caches would cost to compute again.
        """
        model = self._models.pop(ticket)
        tenant = self._tenants[model]
        if ticket in tenant.leases:
            tenant.note_return(ticket, now)
            tenant.kept_until = max(tenant.kept_until, now + keep_seconds)
            if kv_seconds is not None:
                tenant.kv_seconds = kv_seconds
        elif (want := self._wants.get(model)) is not None:
            self._leave_row(want, ticket)
        return self._settle(now)

    def pin(self, model: str, pinned: bool, now: float) -> list[Order]:
        self._tenant(model).pinned = pinned
        return self._settle(now)

    def tick(self, now: float) -> list[Order]:
        """Time has passed. See `deadline`."""
        return self._settle(now)

    def follow(self, policy: Policy, now: float) -> list[Order]:
        self._policy = policy
        return self._settle(now)

    def let_one_go(self, now: float) -> list[Order]:
        """The idle model that is missed least leaves, if there is one: others need the memory."""
        if (tenant := least_missed(self._movable(), now)) is not None:
            self._evict(tenant, "pressure")
        return self._settle(now)

    # ------------------------------------------------------------------ what became of orders

    def loaded(self, model: str, measured: Account, now: float) -> list[Order]:
        self._require(model, Place.LOADING).note_ready(now)
        self.ledger.correct(model, measured)
        return self._settle(now)

    def failed(self, model: str, now: float) -> list[Order]:
        """The load failed; leases of those who waited are still to be dropped."""
        tenant = self._require(model, Place.LOADING)
        tenant.place = Place.ABSENT
        tenant.forget_call()
        self.ledger.release(model)
        return self._settle(now)

    def unload(self, model: str, now: float) -> list[Order]:
        """Lets a ready model go, whatever leases there are; the caller ends its worker."""
        self._require(model, Place.READY).place = Place.LEAVING
        return self._settle(now)

    def died(self, model: str, now: float) -> list[Order]:
        """Its worker is gone, and nobody wished it. If it is in use it is loaded again.

        Who uses it keeps the lease, and the model its room: nobody else can take it meanwhile.
        """
        tenant = self._require(model, Place.READY)
        if tenant.leases:
            tenant.place = Place.LOADING
            tenant.note_call(now)
            self._orders.append(Load(model))
        else:
            tenant.place = Place.ABSENT
            self.ledger.release(model)
        return self._settle(now)

    def left(self, model: str, now: float) -> list[Order]:
        """Its worker is gone, as was wished."""
        self._require(model, Place.LEAVING).place = Place.ABSENT
        self.ledger.release(model)
        return self._settle(now)

    # ------------------------------------------------------------------ what others may look at

    def place(self, model: str) -> Place:
        return self.tenant(model).place

    def tenant(self, model: str) -> Tenant:
        """To look at."""
        return self._tenants.get(model) or Tenant(model)

    def leaves_at(self, model: str) -> float | None:
        return self.tenant(model).leaves_at(self._policy.idle_ttl_seconds)

    @property
    def waiting(self) -> list[Waiting]:
        """The row, first come first."""
        return [
            Waiting(model=want.model, num_waiting=len(want.tickets), since=want.since)
            for want in self._wants.values()
        ]

    @property
    def has_idle(self) -> bool:
        """Whether `let_one_go` would find one."""
        return least_missed(self._movable(), 0.0) is not None

    def deadline(self) -> float | None:
        """When `tick` is next due; None: never, as things are."""
        times = [until for want in self._wants.values() for until in want.tickets.values()]
        times += [at for model in self._tenants if (at := self.leaves_at(model)) is not None]
        for want in self._wants.values():
            going = [t.may_go_at() for t in self._tenants.values() if t.leaves_for == want.model]
            if going and None not in going:  # they go together, with the last of them
                times.append(max(at for at in going if at is not None))
        return min(times, default=None)

    # ------------------------------------------------------------------ private steps

    def _settle(self, now: float) -> list[Order]:
        """All that follows from what happened."""
        for tenant in self._tenants.values():
            leaves_at = tenant.leaves_at(self._policy.idle_ttl_seconds)
            if leaves_at is not None and leaves_at <= now:
                self._evict(tenant, "idle")
        self._serve_row(now)
        if self._refuse_late(now):
            self._serve_row(now)
        orders, self._orders = self._orders, []
        return orders

    def _serve_row(self, now: float) -> None:
        """Grants what there is room for, and asks models to make room, in the order of the row."""
        asked: set[str] = set()
        room, is_blocked = self._room(), False
        for want in list(self._wants.values()):
            tenant = self._tenants[want.model]
            if tenant.place in (Place.LOADING, Place.READY):
                if tenant.model not in asked or not tenant.is_closed(now):
                    self._grant(want)
                continue
            if (error := self._hopeless(want)) is not None:
                self._refuse(want, error)
                continue
            if is_blocked:
                continue  # it waits for the ones before it
            staying = ((other, self._held(other)) for other in self._movable() if other.model not in asked)
            victims = choose(staying, want.needed, room, now)
            if victims is None:
                is_blocked = True
                continue
            for victim in victims:
                asked.add(victim.model)
                victim.leaves_for = want.model
                room = plus(room, self._held(victim))
            room = {device: room[device] - want.needed.get(device, 0) for device in room}
            self._take_room(want, victims, now)
        for tenant in self._tenants.values():
            if tenant.model not in asked:
                tenant.leaves_for = ""

    def _take_room(self, want: _Want, victims: list[Tenant], now: float) -> None:
        """Loads if the room is there. If not, those who make it go as soon as all of them may."""
        tenant = self._tenants[want.model]
        if not victims and tenant.place is Place.ABSENT and not lacking(want.needed, self._free()):
            self.ledger.reserve(want.model, want.account)
            tenant.place = Place.LOADING
            tenant.note_call(now)
            self._orders.append(Load(want.model))
            self._grant(want)
            return
        times = [victim.may_go_at() for victim in victims]
        if times and all(at is not None and at <= now for at in times):
            tenant.note_call(now)
            for victim in victims:
                self._evict(victim, "room", want.model)

    def _evict(self, tenant: Tenant, reason: Reason, beneficiary: str = "") -> None:
        tenant.place = Place.LEAVING
        self._orders.append(Evict(tenant.model, reason, beneficiary))

    def _grant(self, want: _Want) -> None:
        tenant = self._tenants[want.model]
        for ticket in want.tickets:
            tenant.note_lease(ticket)
            self._orders.append(Grant(ticket))
        del self._wants[want.model]

    def _refuse(self, want: _Want, error: HobError) -> None:
        for ticket in list(want.tickets):
            self._orders.append(Refuse(ticket, error))
            self._leave_row(want, ticket)

    def _refuse_late(self, now: float) -> bool:
        """Ends the waits that have lasted too long. True if there were any."""
        late = [(w, t) for w in self._wants.values() for t, until in w.tickets.items() if until <= now]
        for want, ticket in late:
            users = [t.model for t in self._movable() if t.leaves_for == want.model]
            error = waited_too_long(want.model, self._policy.room_wait_seconds, users)
            self._orders.append(Refuse(ticket, error))
            self._leave_row(want, ticket)
        return bool(late)

    def _leave_row(self, want: _Want, ticket: int) -> None:
        want.tickets.pop(ticket, None)
        if not want.tickets and self._wants.pop(want.model, None) is not None:
            if self.place(want.model) is not Place.LOADING:
                self._tenants[want.model].forget_call()

    def _hopeless(self, want: _Want) -> HobError | None:
        """Why it would not fit if everybody went who can be made to."""
        budget = self.ledger.budget | {_SEATS: self._num_seats()}
        if lacking(want.needed, budget):
            return too_big(want.model, totals(want.account), self.ledger.budget)
        pinned = [t for t in self._staying() if t.pinned]
        for tenant in pinned:
            budget = {device: budget[device] - self._held(tenant).get(device, 0) for device in budget}
        if pinned and lacking(want.needed, budget):
            return pinned_out(want.model, [tenant.model for tenant in pinned])
        return None

    def _movable(self) -> list[Tenant]:
        """Who can be asked to make room."""
        return [tenant for tenant in self._staying() if not tenant.pinned]

    def _staying(self) -> list[Tenant]:
        return [t for t in self._tenants.values() if t.place in (Place.LOADING, Place.READY)]

    def _held(self, tenant: Tenant) -> dict[str, int]:
        return self.ledger.charged(tenant.model) | {_SEATS: 1}

    def _free(self) -> dict[str, int]:
        """What is free this moment, by device."""
        num_here = sum(tenant.place is not Place.ABSENT for tenant in self._tenants.values())
        return self.ledger.free | {_SEATS: self._num_seats() - num_here}

    def _room(self) -> dict[str, int]:
        """What will be free when those have left who are leaving."""
        room = self._free()
        for tenant in self._tenants.values():
            if tenant.place is Place.LEAVING:
                room = plus(room, self._held(tenant))
        return room

    def _num_seats(self) -> int:
        return self._policy.max_resident or 1 << 30

    def _tenant(self, model: str) -> Tenant:
        return self._tenants.setdefault(model, Tenant(model))

    def _require(self, model: str, place: Place) -> Tenant:
        tenant = self._tenants[model]
        assert tenant.place is place, f"{model} is {tenant.place.value}, not {place.value}"
        return tenant
