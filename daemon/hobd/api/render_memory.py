"""Memory as protobuf: a resident's account beside what was measured, a model's plan, a machine's devices.

Must only convert and add up. Called by render.py and models.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hob.v1 import models_pb2 as pb

from hobd.broker.account import Account, Purpose, totals
from hobd.broker.appraisal import Appraisal
from hobd.broker.dimensions import dimensions
from hobd.broker.estimate import context_tokens
from hobd.broker.facts import describe
from hobd.broker.fit import lacking, leaving
from hobd.broker.resident import Resident


def resident_lines(resident: Resident) -> list[pb.MemoryLine]:
    """What was reserved for a model beside what its worker measured; what it stowed is measured by now."""
    reserved = {(line.device, str(line.purpose)): line.num_bytes for line in reserved_for(resident)}
    measured = {(line.device, str(line.purpose)): line.num_bytes for line in resident.facts.memory}
    if resident.tally.stash_bytes:
        measured["ram", str(Purpose.PREFIX_CACHE)] = resident.tally.stash_bytes
    return [
        pb.MemoryLine(
            device=device,
            purpose=purpose,
            reserved_bytes=reserved.get((device, purpose), 0),
            measured_bytes=measured.get((device, purpose), 0),
        )
        for device, purpose in dict.fromkeys((*reserved, *measured))
    ]


def reserved_for(resident: Resident) -> Account:
    return resident.plan.account if resident.plan is not None else ()


def account_lines(account: Account) -> list[pb.MemoryLine]:
    return [
        pb.MemoryLine(device=line.device, purpose=str(line.purpose), reserved_bytes=line.num_bytes)
        for line in account
    ]


def facts(appraisal: Appraisal) -> list[pb.Facts]:
    return [pb.Facts(key=key, value=value) for key, value in describe(appraisal.header)]


def plan(model: str, appraisal: Appraisal, residents: Iterable[Resident], pinned: set[str]) -> pb.Plan:
    """How a model would be loaded beside what is in memory now."""
    found = appraisal.plan
    others = [resident for resident in residents if resident.model != model]
    reserved = _added(totals(reserved_for(resident)) for resident in others)
    free = {name: size - reserved.get(name, 0) for name, size in appraisal.budget.items()}
    idle = [r for r in others if r.idle_since is not None and r.model not in pinned]
    idle.sort(key=lambda resident: resident.idle_since or 0)
    return pb.Plan(
        lines=account_lines(found.account),
        devices=_devices(appraisal, reserved),
        steps=found.steps,
        evicts=leaving(found.account, free, [(r.model, reserved_for(r)) for r in idle]),
        problem=found.problem,
        fits_now=not lacking(found.account, free),
        context_tokens=context_tokens(dimensions(appraisal.header), found.settings),
    )


def _devices(appraisal: Appraisal, reserved: Mapping[str, int]) -> list[pb.Device]:
    return [
        pb.Device(
            name=device.name,
            label=device.label,
            total_bytes=device.total_bytes,
            free_bytes=device.free_bytes,
            budget_bytes=appraisal.budget.get(device.name, 0),
            reserved_bytes=reserved.get(device.name, 0),
        )
        for device in appraisal.devices
    ]


def _added(sums: Iterable[dict[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for each in sums:
        for device, num_bytes in each.items():
            whole[device] = whole.get(device, 0) + num_bytes
    return whole
