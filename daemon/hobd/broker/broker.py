"""The single entry for the doors: sessions on models, models in and out of memory.

Must not import gRPC, llama.cpp or worker code. Carries out what residency.py decides. Built by main.py,
called by api/.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from types import TracebackType
from typing import Self

from hobd import errors, log
from hobd.broker.adapters import require_known
from hobd.broker.course import Course, Gate
from hobd.broker.draft import find_draft
from hobd.broker.feed import Feed
from hobd.broker.loading import Loading, Progress
from hobd.broker.request import Request
from hobd.broker.residency import Action, Place, Residency
from hobd.broker.resident import R, Resident
from hobd.broker.session import Session
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry
from hobd.wire import messages as m


class _Load:
    """A load under way: those who wait for it, and how far it is."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Resident] = asyncio.get_running_loop().create_future()
        self.listeners: set[Progress] = set()

    def progress(self, stage: str, fraction: float) -> None:
        for listener in tuple(self.listeners):
            listener(stage, fraction)


class Broker:
    """Use as an async context manager: its tasks end with it, and all workers with them."""

    def __init__(self, *, config: Config, catalog: Catalog, loading: Loading) -> None:
        self.config = config
        self.catalog = catalog
        self.feed = Feed()
        self.num_requests_served = 0
        self.num_restarts: dict[str, int] = {}
        self.loading = loading
        self._residency = Residency(config.models.max_resident)
        self._residents: dict[str, Resident] = {}
        self._loads: dict[str, _Load] = {}
        self._departures: dict[str, asyncio.Event] = {}
        self._gates: dict[str, Gate] = {}
        self._sessions: set[Session] = set()
        self.ids = itertools.count(1)
        self._is_draining = False
        self._drain_limit: asyncio.Timeout | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._busy = asyncio.Event()
        self._tasks = asyncio.TaskGroup()
        self._interruptible: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._interruptible:
            task.cancel()
        for resident in self.residents:
            self._residency.unload(resident.model)
        await asyncio.gather(*(resident.stop("the daemon ended") for resident in self.residents))
        await self._tasks.__aexit__(kind, error, trace)

    # ------------------------------------------------------------------ sessions

    @contextlib.asynccontextmanager
    async def session(self, request: Request) -> AsyncIterator[Session]:
        """A session under way; leaving the block early cancels it everywhere.

        Raises:
            Draining, Busy, ModelNotFound, ModelUnusable, InvalidRequest: at once, with nothing started.
        """
        entry = self._admit(request.model)
        require_known(entry, request.loras)
        session = Session(next(self.ids), request)
        self._sessions.add(session)
        self._quiet.clear()
        self._busy.set()
        self._tell_request("request_begun", session, entry)
        task = self._spawn(Course(session, entry, self).run(), name=f"session {session.request_id}")
        try:
            yield session
        finally:
            task.cancel()
            try:
                await asyncio.wait((task,))
            finally:  # a second cancellation may end the wait: a deadline passes while the caller goes
                self._forget(session)
                self._tell_request("request_ended", session, entry, session.outcome)

    def _tell_request(self, kind: str, session: Session, entry: Entry, how: str = "") -> None:
        named = session.request.client_request_id
        log.event(kind, level="debug", model=entry.name, request_id=session.request_id, client=named, how=how)
        self.feed.tell(
            kind, model=entry.name, request_id=session.request_id, message=how, client_request_id=named
        )

    def _forget(self, session: Session) -> None:
        self._sessions.discard(session)
        self.num_requests_served += 1
        if not self._sessions:
            self._quiet.set()
            self._busy.clear()

    async def ask(
        self, model: str, question: Callable[[int], m.Tokenize | m.Detokenize | m.Render], kind: type[R]
    ) -> R:
        """One question to a model's tokenizer or template; loads the model if needed."""
        entry = self._admit(model)
        async with self.lease(entry, _ignore) as resident:
            return await resident.ask(question(next(self.ids)), kind)

    def _admit(self, model: str) -> Entry:
        if self._is_draining:
            raise errors.Draining(
                "the daemon is ending and takes no new requests; start it again with `hob run`"
            )
        if len(self._sessions) >= self.config.daemon.max_sessions:
            raise errors.Busy(
                f"{len(self._sessions)} requests are under way, as many as daemon.max_sessions allows; "
                "try again shortly",
                retry_after_ms=1000,
            )
        return self.resolve(model)

    def resolve(self, model: str) -> Entry:
        """The catalog's entry; an empty name means the default. Raises ModelNotFound or InvalidRequest."""
        self.catalog.scan()
        return self.catalog.resolve(model) if model else self.catalog.default(self.config.models.default)

    # ------------------------------------------------------------------ leases and loads

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

    def gate(self, model: str) -> Gate:
        return self._gates.setdefault(model, Gate())

    def _begin_load(self, entry: Entry, evict: tuple[str, ...]) -> None:
        load = self._loads[entry.name] = _Load()
        # Nobody need be left waiting when it fails.
        load.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._spawn(self._load(entry, evict, load), name=f"load {entry.name}")

    async def _load(self, entry: Entry, evict: tuple[str, ...], load: _Load) -> None:
        try:
            for victim in evict:
                await self._residents[victim].stop(f"{victim} was evicted")
                await self._departures[victim].wait()
            draft = find_draft(self.catalog, entry)
            resident = await self.loading.load(entry, draft, self.config, load.progress)
        except BaseException as error:
            self._residency.failed(entry.name)
            del self._loads[entry.name]
            self._settle_failed(entry, load, error)
            return
        self._residency.loaded(entry.name)
        self._residents[entry.name] = resident
        del self._loads[entry.name]
        self._departures[entry.name] = asyncio.Event()
        self._tasks.create_task(self._watch(resident, entry), name=f"watch {entry.name}")
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
        if self._is_draining:
            self._residency.failed(entry.name)
        else:
            self._begin_load(entry, ())

    # ------------------------------------------------------------------ models

    @contextlib.asynccontextmanager
    async def loaded(self, model: str, progress: Progress) -> AsyncIterator[Resident]:
        """Loads a model and leases it for the block."""
        async with self.lease(self._admit(model), progress) as resident:
            yield resident

    async def unload(self, model: str, *, force: bool) -> Resident | None:
        """Takes a model out of memory; its memory is free on return. None if it was not there."""
        entry = self.resolve(model)
        resident = self._residents.get(entry.name)
        if resident is None or not self._residency.unload(entry.name):
            return None
        if not force:
            await resident.idle.wait()
        await resident.stop(f"{entry.name} was stopped")
        await self._departures[entry.name].wait()
        return resident

    def pin(self, model: str, pinned: bool) -> None:
        self._residency.pin(self.resolve(model).name, pinned)

    # ------------------------------------------------------------------ the daemon's life

    @property
    def residents(self) -> list[Resident]:
        return list(self._residents.values())

    @property
    def loading_models(self) -> list[str]:
        return list(self._loads)

    @property
    def sessions(self) -> Collection[Session]:
        """Requests under way."""
        return self._sessions

    @property
    def num_sessions(self) -> int:
        return len(self._sessions)

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    def place(self, model: str) -> Place:
        return self._residency.place(model)

    def is_pinned(self, model: str) -> bool:
        return self._residency.is_pinned(model)

    async def drain(self, deadline_seconds: float) -> tuple[int, int]:
        """Takes nothing new and waits for what is under way. Returns how many finished, how many did not."""
        self._is_draining = True
        before = len(self._sessions)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_seconds) as self._drain_limit:
                await self._quiet.wait()
        for session in list(self._sessions):
            session.fail(errors.Draining(f"request {session.request_id} was cut off: the daemon ended"))
        return before - len(self._sessions), len(self._sessions)

    async def idle_for(self, seconds: float) -> None:
        """Returns when nobody has asked for anything for so long."""
        while True:
            await self._quiet.wait()
            try:
                async with asyncio.timeout(seconds):
                    await self._busy.wait()
            except TimeoutError:
                return

    def cut_short(self) -> None:
        """Makes a drain under way end now."""
        if self._drain_limit is not None and not self._drain_limit.expired():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self._drain_limit.reschedule(0)

    def preload(self, model: str) -> None:
        """Begins to load a model that a first request is expected for. Errors are that request's to tell."""
        self._spawn(self._preload(model), name="preload")

    async def _preload(self, model: str) -> None:
        with contextlib.suppress(errors.HobError):
            async with self.lease(self.resolve(model), _ignore):
                pass

    def _spawn(self, work: Coroutine[None, None, None], *, name: str) -> asyncio.Task[None]:
        """A task that the daemon's end need not wait for."""
        task = self._tasks.create_task(work, name=name)
        self._interruptible.add(task)
        task.add_done_callback(self._interruptible.discard)
        return task

    def reconfigure(self, config: Config) -> None:
        """Takes over the keys that apply without a restart."""
        self.config = config
        self._residency.max_resident = config.models.max_resident
        if config.models.directory() != self.catalog.directory:
            self.catalog = Catalog(config.models.directory())


def _ignore(stage: str, fraction: float) -> None:
    """For those who wait without watching."""
