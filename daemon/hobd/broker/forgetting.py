"""Drops what is kept of somebody's prompts, wherever it is: in workers, on its way, and sealed.

Must leave answers under way alone; they leave nothing behind either. Called by api/models.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hobd.broker.broker import Broker
from hobd.broker.resident import Resident
from hobd.errors import WorkerCrashed
from hobd.wire import messages as m
from hobd.wire.states import is_domain_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to forget: of one model or of all (""), of one of the caller's domains or of all (None)."""

    model: str
    caller: str
    cache_domain: str | None


async def forget(broker: Broker, wish: Wish) -> tuple[int, int]:
    """Returns when it is gone: how many prefixes, and how many bytes beside the KV caches."""
    model = broker.resolve(wish.model).name if wish.model else None
    num, num_bytes = 0, 0
    for resident in broker.tenancy.residents:
        if model in (None, resident.model):
            told = await _forget_in_worker(resident, next(broker.ids), wish)
            num, num_bytes = num + told.num_prefixes, num_bytes + told.num_bytes
    vault = broker.loading.vault
    await vault.settled(model)
    num_sealed, sealed_bytes = vault.forget(_matcher(wish), model)
    return num + num_sealed, num_bytes + sealed_bytes


async def _forget_in_worker(resident: Resident, id: int, wish: Wish) -> m.Forgotten:
    if resident.handover is not None and resident.is_leaving:
        resident.handover.refuse(_matcher(wish))  # what it leaves is on its way
    try:
        return await resident.ask(m.ForgetPrefixes(id, wish.caller, wish.cache_domain), m.Forgotten)
    except WorkerCrashed:
        return m.Forgotten(id, 0, 0)  # so are its prefixes


def _matcher(wish: Wish) -> partial[bool]:
    return partial(is_domain_of, caller=wish.caller, named=wish.cache_domain)
