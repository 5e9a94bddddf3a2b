"""Models in and out of memory: carries out what residency.py orders, and tells it what became of it.

Must be the only one that begins a load, ends a worker or watches for its end. Sleeps until the next deadline:
nothing here polls. Made by broker.py; course.py gets its workers from here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from hobd import errors, log
from hobd.broker.course import Gate
from hobd.broker.draft import find_draft
from hobd.broker.family import Family, corrected, memory_bytes
from hobd.broker.feed import Feed
from hobd.broker.ledger import Ledger
from hobd.broker.loading import Loading
from hobd.broker.needs import Needs
from hobd.broker.orders import Evict, Grant, Load, Order, Refuse
from hobd.broker.progress import Progress
from hobd.broker.residency import Residency
from hobd.broker.resident import Resident
from hobd.broker.tasks import Tasks
from hobd.broker.tenant import Place, Policy
from hobd.broker.tickets import Arrival, Tickets
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry


class Tenancy:
    """Leases on models, whichever workers hold them."""

    def __init__(
        self,
        *,
        config: Config,
        catalog: Catalog,
        loading: Loading,
        ledger: Ledger,
        needs: Needs,
        feed: Feed,
        tasks: Tasks,
    ) -> None:
        self.feed = feed
        self.num_restarts: dict[str, int] = {}
        self.is_draining = False  # then nobody who died is replaced
        self.residency = Residency(ledger, _policy(config))
        self._config = config
        self._catalog = catalog
        self._loading = loading
        self._needs = needs
        self._tasks = tasks
        self._tickets = Tickets(feed)
        self._entries: dict[str, Entry] = {}  # of the models that were wanted, as they were last seen
        self._residents: dict[str, Resident] = {}
        self._loads: dict[str, Arrival] = {}
        self._gates: dict[str, Gate] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stashes_are_open = True
        self._is_closed = False

    # ------------------------------------------------------------------ what others may look at

    @property
    def residents(self) -> list[Resident]:
        return list(self._residents.values())

    @property
    def loading_models(self) -> list[str]:
        return list(self._loads)

    def entry_of(self, model: str) -> Entry | None:
        """What a model in memory was loaded from, though its file may be gone since."""
        return self._entries.get(model) if model in self._residents else None

    def gate(self, model: str) -> Gate:
        return self._gates.setdefault(model, Gate())

    # ------------------------------------------------------------------ leases

    @contextlib.asynccontextmanager
    async def lease(
        self, entry: Entry, progress: Progress, *, keep_seconds: float = 0
    ) -> AsyncIterator[Resident]:
        """The resident model, kept in memory until the block ends; by another worker if its own dies.

        Raises:
            Busy, OutOfMemory: there is no room, and none came in time.
        """
        self._entries[entry.name] = entry
        account = await self._needs.of(entry, self._catalog, self._config)
        number = self._tickets.issue(entry.name, progress)
        try:
            self._obey(self.residency.want(number, entry.name, account, _now()))
            load = await self._tickets.granted(number)
            yield await (self.worker(entry.name, progress) if load is None else load.resident(progress))
        finally:
            self._tickets.take_back(number)
            resident = self._residents.get(entry.name)
            kv_seconds = resident.kv_seconds if resident else None
            self._obey(self.residency.drop(number, _now(), keep_seconds=keep_seconds, kv_seconds=kv_seconds))

    async def worker(self, model: str, progress: Progress) -> Resident:
        """The one that holds a leased model now, or will. Raises what its load failed with."""
        if (load := self._loads.get(model)) is not None:
            return await load.resident(progress)
        if (resident := self._residents.get(model)) is not None:
            return resident
        raise errors.WorkerCrashed(
            f"the worker for {model} died and was not replaced; ask again", model=model
        )

    # ------------------------------------------------------------------ orders

    def _obey(self, orders: Iterable[Order]) -> None:
        """Begins what residency wants done; what comes of it is reported later."""
        if self._is_closed:
            return
        for order in orders:
            match order:
                case Grant():
                    load = self._loads.get(self._tickets.model(order.ticket))
                    self._tickets.grant(order.ticket, load)
                case Refuse():
                    self._tickets.refuse(order.ticket, order.error)
                case Load():
                    self._begin_load(self._entries[order.model])
                case Evict():
                    going = self._evict(order, self._residents[order.model])
                    self._tasks.keep(going, name=f"evict {order.model}")
        self._tickets.tell_places(self.residency.waiting)
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.residency.deadline()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._on_time)

    def _on_time(self) -> None:
        self._obey(self.residency.tick(_now()))

    # ------------------------------------------------------------------ loads

    def _begin_load(self, entry: Entry) -> None:
        load = self._loads[entry.name] = Arrival()
        self.feed.tell("model_loading", model=entry.name)
        load.work = self._tasks.spawn(self._load(entry, load), name=f"load {entry.name}")

    async def _load(self, entry: Entry, load: Arrival) -> None:
        resident = None
        try:
            draft = find_draft(self._catalog, entry)
            resident = await self._loading.load(entry, draft, self._config, load.progress)
            num_bytes = await asyncio.to_thread(memory_bytes, resident.process.pid)
        except BaseException as error:
            if resident is not None:
                resident.process.kill()
            self._settle_failed(entry, load, error)
            return
        self._settle_loaded(entry, load, resident, num_bytes)

    def _settle_loaded(self, entry: Entry, load: Arrival, resident: Resident, num_bytes: int) -> None:
        model = entry.name
        self._residents[model] = resident
        del self._loads[model]
        self._tasks.keep(self._watch(resident), name=f"watch {model}")
        holding = self.residency.ledger.holding(model)
        assert holding is not None, f"{model} was loaded without a reservation"
        if not self._stashes_are_open:
            resident.set_stash(False)
        orders = self.residency.loaded(model, corrected(holding.reserved, num_bytes), _now())
        self._tell_loaded(resident, num_bytes)
        if not load.done.done():
            load.done.set_result(resident)
        self._obey(orders)

    def _tell_loaded(self, resident: Resident, num_bytes: int) -> None:
        model, pid = resident.model, resident.process.pid
        log.event("model_loaded", model=model, pid=pid, ms=resident.load_ms, degraded=resident.degraded)
        if resident.draft:
            why = resident.draft_problem
            log.event("draft", level="warning" if why else "info", model=model, draft=resident.draft, why=why)
        self.feed.tell("model_loaded", model=model, num_bytes=num_bytes)
        for device, free in self.residency.ledger.free.items():
            if free < 0:
                log.event("memory_overdrawn", level="warning", model=model, device=device, bytes=-free)
                self.feed.tell("memory_overdrawn", model=model, message=device, num_bytes=-free)

    def _settle_failed(self, entry: Entry, load: Arrival, error: BaseException) -> None:
        del self._loads[entry.name]
        if isinstance(error, asyncio.CancelledError):
            error = errors.WorkerCrashed(
                f"{entry.name} was stopped while it was loading; ask again", model=entry.name
            )
        elif not isinstance(error, errors.HobError):
            log.event("load_failed", level="error", model=entry.name, error=log.describe(error))
            bug = error
            error = errors.HobError(
                f"loading {entry.name} failed inside hob ({type(bug).__name__}); see the log"
            )
        log.event("load_failed", level="warning", model=entry.name, error=type(error).__name__)
        self.feed.tell("load_failed", model=entry.name, message=error.message)
        if not load.done.done():
            load.done.set_exception(error)
        self._obey(self.residency.failed(entry.name, _now()))

    # ------------------------------------------------------------------ departures

    async def _evict(self, order: Evict, resident: Resident) -> None:
        """Ends a worker, which may have died since that was ordered."""
        num_bytes = await self._end(resident, f"{order.model} was evicted")
        log.event("model_evicted", model=order.model, reason=order.reason, beneficiary=order.beneficiary)
        self.feed.tell(
            "model_evicted",
            model=order.model,
            reason=order.reason,
            beneficiary=order.beneficiary,
            num_bytes=num_bytes,
        )

    async def _end(self, resident: Resident, reason: str) -> int:
        """Ends a worker that is to leave. Returns when it and its children are gone: how much that freed."""
        num_bytes = await asyncio.to_thread(memory_bytes, resident.process.pid)
        family = Family(resident.process.pid)
        try:
            await resident.stop(reason)
            await family.gone()
        finally:
            family.close()
        await resident.departed.wait()
        return num_bytes

    async def _watch(self, resident: Resident) -> None:
        """Waits for a worker's end, wanted or not, and clears its place, or fills it again."""
        status = await resident.gone()
        model, pid = resident.model, resident.process.pid
        del self._residents[model]
        if self.residency.place(model) is Place.LEAVING:
            log.event("model_left", model=model, pid=pid)
            self.feed.tell("model_left", model=model)
            orders = self.residency.left(model, _now())
        else:  # nobody wanted it: it died
            self.num_restarts[model] = self.num_restarts.get(model, 0) + 1
            kind = "worker_hung" if resident.has_hung else "worker_died"
            log.event(kind, level="warning", model=model, pid=pid, status=status)
            self.feed.tell(kind, model=model)
            orders = self.residency.died(model, _now())
            if (self.is_draining or resident.conduct.condemnation) and Load(model) in orders:
                orders.remove(Load(model))
                orders += self.residency.failed(model, _now())
        self._obey(orders)
        resident.departed.set()

    # ------------------------------------------------------------------ what people tell it

    async def unload(self, model: str, *, force: bool) -> int | None:
        """Takes a model out of memory; returns how many bytes that freed, or None if it was not there."""
        while (load := self._loads.get(model)) is not None:
            if force and load.work is not None:
                load.work.cancel()
            await asyncio.wait((load.done,))
        resident = self._residents.get(model)
        if resident is None:
            return None
        if self.residency.place(model) is not Place.READY:  # it goes already
            await resident.departed.wait()
            return 0
        self._obey(self.residency.unload(model, _now()))
        if not force:
            await resident.idle.wait()
        return await self._end(resident, f"{model} was stopped")

    def pin(self, model: str, pinned: bool) -> None:
        self._obey(self.residency.pin(model, pinned, _now()))

    def reconfigure(self, config: Config, catalog: Catalog) -> None:
        self._config, self._catalog = config, catalog
        self._obey(self.residency.follow(_policy(config), _now()))

    # ------------------------------------------------------------------ when memory is short

    def set_stashes(self, is_open: bool) -> None:
        """Whether workers, those to come as well, may keep prefixes beside their KV caches."""
        self._stashes_are_open = is_open
        for resident in self.residents:
            if not resident.is_leaving:
                resident.set_stash(is_open)

    def let_one_go(self) -> None:
        """The idle model that is missed least leaves."""
        self._obey(self.residency.let_one_go(_now()))

    # ------------------------------------------------------------------ the end

    def close(self) -> None:
        """From now on nothing is loaded, nor granted."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    async def end(self) -> None:
        """Ends every worker, after `close`."""
        for resident in self.residents:
            if self.residency.place(resident.model) is Place.READY:
                self.residency.unload(resident.model, _now())
        await asyncio.gather(*(resident.stop("the daemon ended") for resident in self.residents))


def _policy(config: Config) -> Policy:
    models = config.models
    return Policy(
        max_resident=models.max_resident,
        idle_ttl_seconds=models.idle_ttl_seconds,
        room_wait_seconds=models.room_wait_seconds,
    )


def _now() -> float:
    """The clock of the event loop's timers: steady, whatever happens to the date."""
    return time.monotonic()
