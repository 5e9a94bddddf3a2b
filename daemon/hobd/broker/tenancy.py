"""Models in and out of memory: carries out what residency.py decides, and tells it what became of it.

Must be the only one that begins a load, ends a worker or watches for its end. Made by broker.py; course.py
gets its workers from here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from hobd import errors, log
from hobd.broker.course import Gate
from hobd.broker.draft import find_draft
from hobd.broker.feed import Feed
from hobd.broker.loading import Loading, Progress
from hobd.broker.residency import Action, Place, Residency
from hobd.broker.resident import Resident
from hobd.broker.tasks import Tasks
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry


class _Load:
    """A load under way: those who wait for it, and how far it is."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Resident] = asyncio.get_running_loop().create_future()
        self.listeners: set[Progress] = set()

    def progress(self, stage: str, fraction: float) -> None:
        for listener in tuple(self.listeners):
            listener(stage, fraction)


class Tenancy:
    """Leases on models, whichever workers hold them."""

    def __init__(
        self, *, config: Config, catalog: Catalog, loading: Loading, feed: Feed, tasks: Tasks
    ) -> None:
        self.feed = feed
        self.num_restarts: dict[str, int] = {}
        self.is_draining = False  # then nobody who died is replaced
        self._config = config
        self._catalog = catalog
        self._loading = loading
        self._tasks = tasks
        self._residency = Residency(config.models.max_resident)
        self._residents: dict[str, Resident] = {}
        self._loads: dict[str, _Load] = {}
        self._departures: dict[str, asyncio.Event] = {}
        self._gates: dict[str, Gate] = {}

    # ------------------------------------------------------------------ what others may look at

    @property
    def residents(self) -> list[Resident]:
        return list(self._residents.values())

    @property
    def loading_models(self) -> list[str]:
        return list(self._loads)

    def place(self, model: str) -> Place:
        return self._residency.place(model)

    def is_pinned(self, model: str) -> bool:
        return self._residency.is_pinned(model)

    def gate(self, model: str) -> Gate:
        return self._gates.setdefault(model, Gate())

    # ------------------------------------------------------------------ leases

    @contextlib.asynccontextmanager
    async def lease(self, entry: Entry, progress: Progress) -> AsyncIterator[Resident]:
        """The resident model, kept in memory until the block ends; by another worker if its own dies."""
        while (decision := self._residency.acquire(entry.name)).action is Action.RETRY:
            await self._departures[entry.name].wait()
        try:
            if decision.action is Action.LOAD:
                self._begin_load(entry, decision.evict)
            yield await self._await_ready(entry.name, progress)
        finally:
            self._residency.release(entry.name)

    async def _await_ready(self, model: str, progress: Progress) -> Resident:
        load = self._loads.get(model)
        if load is None:
            return self._residents[model]
        load.listeners.add(progress)
        try:
            return await asyncio.shield(load.done)
        finally:
            load.listeners.discard(progress)

    async def worker(self, model: str, progress: Progress) -> Resident:
        """The one that holds a leased model now, or will. Raises what its load failed with."""
        if model not in self._loads and model not in self._residents:
            raise errors.WorkerCrashed(
                f"the worker for {model} died and was not replaced; ask again", model=model
            )
        return await self._await_ready(model, progress)

    # ------------------------------------------------------------------ loads and departures

    def _begin_load(self, entry: Entry, evict: tuple[str, ...]) -> None:
        load = self._loads[entry.name] = _Load()
        # Nobody need be left waiting when it fails.
        load.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._tasks.spawn(self._load(entry, evict, load), name=f"load {entry.name}")

    async def _load(self, entry: Entry, evict: tuple[str, ...], load: _Load) -> None:
        try:
            for victim in evict:
                await self._residents[victim].stop(f"{victim} was evicted")
                await self._departures[victim].wait()
            draft = find_draft(self._catalog, entry)
            resident = await self._loading.load(entry, draft, self._config, load.progress)
        except BaseException as error:
            self._residency.failed(entry.name)
            del self._loads[entry.name]
            self._settle_failed(entry, load, error)
            return
        self._residency.loaded(entry.name)
        self._residents[entry.name] = resident
        del self._loads[entry.name]
        self._departures[entry.name] = asyncio.Event()
        self._tasks.keep(self._watch(resident, entry), name=f"watch {entry.name}")
        log.event(
            "model_loaded",
            model=entry.name,
            pid=resident.process.pid,
            ms=resident.load_ms,
            degraded=resident.degraded,
        )
        if resident.draft:
            why = resident.draft_problem
            log.event(
                "draft", level="warning" if why else "info", model=entry.name, draft=resident.draft, why=why
            )
        self.feed.tell("model_loaded", model=entry.name)
        if not load.done.done():
            load.done.set_result(resident)

    def _settle_failed(self, entry: Entry, load: _Load, error: BaseException) -> None:
        if not isinstance(error, errors.HobError):
            log.event("load_failed", level="error", model=entry.name, error=log.describe(error))
            bug = error
            error = errors.HobError(
                f"loading {entry.name} failed inside hob ({type(bug).__name__}); see the log"
            )
        log.event("load_failed", level="warning", model=entry.name, error=type(error).__name__)
        self.feed.tell("load_failed", model=entry.name, message=error.message)
        if not load.done.done():
            load.done.set_exception(error)

    async def _watch(self, resident: Resident, entry: Entry) -> None:
        """Waits for a worker's end, wanted or not, and clears its place, or fills it again."""
        status = await resident.gone()
        model = resident.model
        del self._residents[model]
        if self._residency.place(model) is Place.LEAVING:
            log.event("model_left", model=model, pid=resident.process.pid)
            self.feed.tell("model_left", model=model)
            self._residency.left(model)
        else:  # nobody wanted it: it died
            self.num_restarts[model] = self.num_restarts.get(model, 0) + 1
            log.event("worker_died", level="warning", model=model, pid=resident.process.pid, status=status)
            self.feed.tell("worker_died", model=model)
            if self._residency.died(model):
                self._replace(entry)
        self._departures[model].set()

    def _replace(self, entry: Entry) -> None:
        """Another worker for those who were on the one that died. They wait for it by themselves."""
        if self.is_draining:
            self._residency.failed(entry.name)
        else:
            self._begin_load(entry, ())

    # ------------------------------------------------------------------ what people tell it

    async def unload(self, model: str, *, force: bool) -> Resident | None:
        """Takes a model out of memory; its memory is free on return. None if it was not there."""
        resident = self._residents.get(model)
        if resident is None or not self._residency.unload(model):
            return None
        if not force:
            await resident.idle.wait()
        await resident.stop(f"{model} was stopped")
        await self._departures[model].wait()
        return resident

    def pin(self, model: str, pinned: bool) -> None:
        self._residency.pin(model, pinned)

    def reconfigure(self, config: Config, catalog: Catalog) -> None:
        self._config, self._catalog = config, catalog
        self._residency.max_resident = config.models.max_resident

    async def end(self) -> None:
        """Ends every worker."""
        for resident in self.residents:
            self._residency.unload(resident.model)
        await asyncio.gather(*(resident.stop("the daemon ended") for resident in self.residents))
