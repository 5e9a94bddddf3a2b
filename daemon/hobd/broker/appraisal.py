"""What loading a model would take, found out without loading it: reads headers, asks devices, makes a plan.

Must read no more of a file than its header, and give a model that cannot be read an error of errors.py.
Blocks, so that it belongs on a thread. Made by main.py; asked by api/models.py and by who loads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from hobd.broker.account import RAM, Account
from hobd.broker.devices import Device, DeviceKind, Devices, budget
from hobd.broker.draft import find_draft
from hobd.broker.estimate import Beside, Gpu, Settings, estimate
from hobd.broker.fit import Plan, plan
from hobd.config import Config
from hobd.errors import ModelUnusable, OutOfMemory
from hobd.store.catalog import Catalog, Entry
from hobd.store.digest import open_model
from hobd.store.gguf import read_header
from hobd.store.header import Header
from hobd.wire.messages import Load

#: The pool's part of a small machine's memory, whatever the configuration allows it.
_MOST_FOR_POOL = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """A model's header, and what the machine can make of it."""

    header: Header = field(repr=False)
    beside: Beside
    devices: tuple[Device, ...]
    budget: Mapping[str, int]
    asked: Account  # what loading it as configured would take
    plan: Plan


class Appraiser:
    """Holds the devices; every question reads the files anew."""

    def __init__(self, devices: Devices, fixed_budget: Mapping[str, int] | None = None) -> None:
        """`fixed_budget`: in the place of what configuration and devices give."""
        self._devices = devices
        self._fixed_budget = fixed_budget

    def appraise(self, entry: Entry, catalog: Catalog, config: Config) -> Appraisal:
        """Raises ModelUnusable."""
        header, beside = header_of(entry), _beside(entry, catalog, config)
        devices = self._devices.read()
        return Appraisal(
            header=header,
            beside=beside,
            devices=devices,
            budget=self._budget(config, devices),
            asked=estimate(header, settings_of(config, devices), beside),
            plan=self._plan(entry.name, header, beside, devices, config),
        )

    def need(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        """What loading it will take, made smaller if it must be. Raises ModelUnusable or OutOfMemory."""
        found = self.appraise(entry, catalog, config).plan
        if found.problem:
            raise OutOfMemory(found.problem, model=entry.name)
        return found.account

    def plan(
        self,
        model: str,
        model_fd: int,
        config: Config,
        *,
        draft: int | None,
        adapters: Iterable[int],
        projector: int | None = None,
    ) -> Plan | None:
        """The plan for open files; None where its header cannot be read: llama.cpp has the last word."""
        header = _read_or_none(model_fd, model)
        if header is None:
            return None
        others = [_read_or_none(fd, model) for fd in adapters]
        beside = Beside(
            draft=_read_or_none(draft, model) if draft is not None else None,
            adapters=tuple(other for other in others if other is not None),
            projector_bytes=os.fstat(projector).st_size if projector is not None else 0,
        )
        return self._plan(model, header, beside, self._devices.read(), config)

    def budget(self, config: Config) -> dict[str, int]:
        """Bytes of each device that models may have together."""
        return self._budget(config, self._devices.read())

    def _budget(self, config: Config, devices: tuple[Device, ...]) -> dict[str, int]:
        if self._fixed_budget is not None:
            return dict(self._fixed_budget)
        whole = budget(config, devices)
        if config.memory.ram_mb:
            return whole
        # Of a share of the machine, what is kept of models that left is promised already.
        pool = min(config.memory.pool_mb * 1_000_000, whole[RAM] // _MOST_FOR_POOL)
        return whole | {RAM: whole[RAM] - pool}

    def _plan(
        self, model: str, header: Header, beside: Beside, devices: tuple[Device, ...], config: Config
    ) -> Plan:
        return plan(
            model,
            header,
            settings_of(config, devices),
            self._budget(config, devices),
            beside=beside,
            may_shrink=config.memory.when_short == "shrink",
        )


def settings_of(config: Config, devices: tuple[Device, ...] = ()) -> Settings:
    """What loading.py tells a worker, as the estimate needs to know it."""
    engine = config.engine
    return Settings(
        context_tokens=engine.context_tokens,
        num_lanes=engine.lanes,
        batch_tokens=max(engine.batch_tokens, engine.lanes),
        kv_cells=engine.kv_cells,
        kv_type=engine.kv_type,
        gpu_layers=engine.gpu_layers,
        stash_bytes=engine.stash_mb * 1_000_000,
        gpus=tuple(
            Gpu(name=device.name, free_bytes=device.free_bytes)
            for device in devices
            if device.kind is DeviceKind.GPU
        ),
    )


def as_planned(load: Load, settings: Settings) -> Load:
    """What a worker is told, changed to what a plan says."""
    return msgspec.structs.replace(
        load,
        context_tokens=settings.context_tokens,
        kv_cells=settings.kv_cells,
        kv_type=settings.kv_type,
        gpu_layers=settings.gpu_layers,
        stash_bytes=settings.stash_bytes,
    )


def header_of(entry: Entry) -> Header:
    """Raises ModelUnusable."""
    fd = open_model(entry)
    try:
        return read_header(fd, entry.name)
    finally:
        os.close(fd)


def _beside(entry: Entry, catalog: Catalog, config: Config) -> Beside:
    """What is loaded with a model. What cannot be read will be left out then too."""
    draft = find_draft(catalog, entry).entry if config.engine.speculation != "off" else None
    adapters = tuple(_header_or_none(adapter) for adapter in entry.adapters if adapter.problem is None)
    return Beside(
        draft=_header_or_none(draft) if draft is not None else None,
        adapters=tuple(header for header in adapters if header is not None),
        projector_bytes=entry.projector.size_bytes if entry.projector is not None else 0,
    )


def _read_or_none(fd: int, model: str) -> Header | None:
    try:
        return read_header(fd, model)
    except ModelUnusable:
        return None


def _header_or_none(entry: Entry) -> Header | None:
    try:
        return header_of(entry)
    except ModelUnusable:
        return None
