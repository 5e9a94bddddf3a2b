"""Decides which models are in memory: who uses, who waits, who loads, who must go for it.

Must do no I/O and read no clock; tenancy.py carries its decisions out and reports what became of them.
Called by tenancy.py only.

             acquire             loaded
    ABSENT ─────────> LOADING ──────────> READY
       ^                 │ ^  died, leased  │ │
       │          failed │ └────────────────┘ │ evicted, or unload
       ├─────────────────┘                    v
       └────────────────────────────────── LEAVING
                      left
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hobd.errors import Busy

_RETRY_AFTER_MS = 2000


class Place(Enum):
    ABSENT = "absent"
    LOADING = "loading"
    READY = "ready"
    LEAVING = "leaving"


class Action(Enum):
    USE = "use"  # it is ready
    WAIT = "wait"  # somebody else loads it
    LOAD = "load"  # load it, once `evict` have left
    RETRY = "retry"  # it is on its way out; ask again when it has left


@dataclass(frozen=True, slots=True)
class Decision:
    action: Action
    evict: tuple[str, ...] = ()


class _Tenant:
    __slots__ = ("last_used", "leases", "pinned", "place")

    def __init__(self) -> None:
        self.place = Place.ABSENT
        self.leases = 0
        self.pinned = False
        self.last_used = 0


class Residency:
    """Leases keep a model; pins keep it without leases; of the rest the longest unused goes first."""

    def __init__(self, max_resident: int) -> None:
        self.max_resident = max_resident
        self._tenants: dict[str, _Tenant] = {}
        self._uses = 0

    def acquire(self, model: str) -> Decision:
        """Takes a lease, unless the decision is RETRY. Give it back with `release`.

        Raises:
            Busy: every place is taken by a model in use or pinned.
        """
        tenant = self._tenant(model)
        if tenant.place is Place.LEAVING:
            return Decision(Action.RETRY)
        if tenant.place is Place.ABSENT:
            evict = self._make_room(model)
            for victim in evict:
                self._tenants[victim].place = Place.LEAVING
            tenant.place = Place.LOADING
            decision = Decision(Action.LOAD, evict)
        else:
            decision = Decision(Action.USE if tenant.place is Place.READY else Action.WAIT)
        tenant.leases += 1
        self._touch(tenant)
        return decision

    def release(self, model: str) -> None:
        tenant = self._tenants[model]
        assert tenant.leases > 0, f"a lease on {model} was given back twice"
        tenant.leases -= 1
        self._touch(tenant)

    def loaded(self, model: str) -> None:
        self._move(model, Place.LOADING, Place.READY)

    def failed(self, model: str) -> None:
        """The load failed; leases of those who waited are still to be released."""
        self._move(model, Place.LOADING, Place.ABSENT)

    def unload(self, model: str) -> bool:
        """Begins to let a model go, whatever leases there are. False if it is not ready."""
        if self.place(model) is not Place.READY:
            return False
        self._move(model, Place.READY, Place.LEAVING)
        return True

    def died(self, model: str) -> bool:
        """Its worker is gone, and nobody wished it. True: those who use it want it loaded again.

        They keep their leases, and the model its place: nobody else can take it meanwhile.
        """
        is_wanted = self._tenants[model].leases > 0
        self._move(model, Place.READY, Place.LOADING if is_wanted else Place.ABSENT)
        return is_wanted

    def left(self, model: str) -> None:
        """Its worker is gone, and it need not come back."""
        self._tenants[model].place = Place.ABSENT

    def pin(self, model: str, pinned: bool) -> None:
        self._tenant(model).pinned = pinned

    # ------------------------------------------------------------------ what others may look at

    def place(self, model: str) -> Place:
        tenant = self._tenants.get(model)
        return tenant.place if tenant else Place.ABSENT

    def is_pinned(self, model: str) -> bool:
        tenant = self._tenants.get(model)
        return tenant is not None and tenant.pinned

    def leases(self, model: str) -> int:
        tenant = self._tenants.get(model)
        return tenant.leases if tenant else 0

    @property
    def num_resident(self) -> int:
        """Models that hold memory, or soon will."""
        return sum(tenant.place is not Place.ABSENT for tenant in self._tenants.values())

    # ------------------------------------------------------------------ private steps

    def _tenant(self, model: str) -> _Tenant:
        return self._tenants.setdefault(model, _Tenant())

    def _touch(self, tenant: _Tenant) -> None:
        self._uses += 1
        tenant.last_used = self._uses

    def _move(self, model: str, before: Place, after: Place) -> None:
        tenant = self._tenants[model]
        assert tenant.place is before, f"{model} is {tenant.place.value}, not {before.value}"
        tenant.place = after

    def _make_room(self, model: str) -> tuple[str, ...]:
        """Whom to evict so that one more model may come. Those leaving already count as gone."""
        staying = [t for t in self._tenants.values() if t.place in (Place.LOADING, Place.READY)]
        num_over = len(staying) + 1 - self.max_resident
        if num_over <= 0:
            return ()
        idle = sorted(
            (
                name
                for name, t in self._tenants.items()
                if t.place is Place.READY and not t.leases and not t.pinned
            ),
            key=lambda name: self._tenants[name].last_used,
        )
        if len(idle) < num_over:
            raise Busy(
                f"there is room for {self.max_resident} models and all are in use or pinned; "
                f"try {model} again shortly, or stop one with `hob stop`",
                model=model,
                retry_after_ms=_RETRY_AFTER_MS,
            )
        return tuple(idle[:num_over])
