"""Chooses who makes room for a model: the cheapest to bring back, and no more of them than needed.

Must stay pure: no I/O, no clock. Called by residency.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from hobd.broker.ledger import lacking, plus
from hobd.broker.tenant import Place, Tenant

Sums = Mapping[str, int]


class Claim(IntEnum):
    """What a model has to stay, the least first: who is asked to go before whom, whatever it costs."""

    IDLE = 0
    KEPT = 1  # idle, but within a keep-alive
    ASKED = 2  # in use, and already told that it makes room
    IN_USE = 3


def choose(
    tenants: Iterable[tuple[Tenant, Sums]], needed: Sums, room: Sums, now: float
) -> list[Tenant] | None:
    """Who must go so that `needed` fits beside what else is in `room`; None if all of them do not suffice.

    `tenants` come with what would be free without them. None of those chosen could be spared.
    """
    missing = lacking(needed, room)
    ranked = []
    for tenant, held in tenants:
        freed = sum(held.get(device, 0) for device in missing)
        if freed > 0:
            ranked.append((_claim(tenant, now), tenant.cost(now) / freed, tenant.model, tenant, held))
    ranked.sort(key=lambda entry: entry[:3])
    chosen: list[tuple[Tenant, Sums]] = []
    for *_, tenant, held in ranked:
        if not lacking(needed, room):
            break
        chosen.append((tenant, held))
        room = plus(room, held)
    if lacking(needed, room):
        return None
    return [tenant for tenant, _ in _spared(chosen, needed, room)]


def least_missed(tenants: Iterable[Tenant], now: float) -> Tenant | None:
    """Of those that are in memory and nobody uses, the one whose loss is likely to cost least."""
    idle = [tenant for tenant in tenants if tenant.place is Place.READY and not tenant.leases]
    return min(idle, key=lambda tenant: (_claim(tenant, now), tenant.cost(now), tenant.model), default=None)


def _spared(chosen: list[tuple[Tenant, Sums]], needed: Sums, room: Sums) -> list[tuple[Tenant, Sums]]:
    """The same without those that are not needed after all, the last ones first."""
    kept = list(chosen)
    for entry in reversed(chosen):
        without = {device: room[device] - entry[1].get(device, 0) for device in room}
        if not lacking(needed, without):
            room = without
            kept.remove(entry)
    return kept


def _claim(tenant: Tenant, now: float) -> Claim:
    if tenant.leases or tenant.place is Place.LOADING:
        return Claim.ASKED if tenant.leaves_for else Claim.IN_USE
    return Claim.KEPT if tenant.is_kept(now) else Claim.IDLE
