"""The single entry for the doors: sessions, questions, and the daemon's life.

Must not import gRPC, llama.cpp or worker code. Models come and go in tenancy.py. Built by main.py,
called by api/.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from hobd import errors, log
from hobd.audit.journal import Audit, NoAudit
from hobd.broker.adapters import require_known
from hobd.broker.course import Course
from hobd.broker.feed import Feed
from hobd.broker.ledger import Ledger
from hobd.broker.loading import Loading
from hobd.broker.needs import Needs
from hobd.broker.news_record import record
from hobd.broker.progress import Progress
from hobd.broker.questions import R
from hobd.broker.request import Request
from hobd.broker.resident import Resident
from hobd.broker.session import Session
from hobd.broker.tasks import Tasks
from hobd.broker.tenancy import Tenancy
from hobd.broker.thrift import Thrift
from hobd.broker.yielding import Yielding
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry
from hobd.wire import messages as m

OnEnd = Callable[[Session], None]


class Broker:
    """Use as an async context manager: its tasks end with it, and all workers with them."""

    def __init__(
        self,
        *,
        config: Config,
        catalog: Catalog,
        loading: Loading,
        needs: Needs,
        budget: Mapping[str, int],
        yielding: Yielding,
        audit: Audit | None = None,
    ) -> None:
        """`needs`: what models will take in memory; `budget`: what there is for models, by device."""
        self.config = config
        self.catalog = catalog
        self.audit: Audit = audit or NoAudit()
        self.feed = Feed(partial(record, self.audit))
        self.num_requests_served = 0
        self.loading = loading
        loading.trips.feed = self.feed
        self.yielding = yielding
        self.ids = itertools.count(1)
        self._tasks = Tasks()
        self.tenancy = Tenancy(
            config=config,
            catalog=catalog,
            loading=loading,
            ledger=Ledger(budget),
            needs=needs,
            feed=self.feed,
            tasks=self._tasks,
        )
        self._sessions: set[Session] = set()
        self._is_draining = False
        self._drain_limit: asyncio.Timeout | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._busy = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.yielding.start(Thrift(self.tenancy, self.loading))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.yielding.stop()
        self.tenancy.close()
        self._tasks.interrupt()
        await self.tenancy.end()
        await self._tasks.__aexit__(kind, error, trace)

    # ------------------------------------------------------------------ sessions

    @contextlib.asynccontextmanager
    async def session(self, request: Request, on_end: OnEnd | None = None) -> AsyncIterator[Session]:
        """A session under way; leaving the block early cancels it everywhere. `on_end` is told at the end.

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
        work = self._tasks.spawn(
            Course(session, entry, self.tenancy).run(), name=f"session {session.request_id}"
        )
        try:
            yield session
        finally:
            work.cancel()
            try:
                await asyncio.wait((work.task,))
            finally:  # a second cancellation may end the wait: a deadline passes while the caller goes
                self._forget(session)
                self._tell_request("request_ended", session, entry, session.outcome)
                if on_end is not None:
                    on_end(session)

    def _tell_request(self, kind: str, session: Session, entry: Entry, how: str = "") -> None:
        named = session.request.client_request_id
        log.event(kind, level="debug", model=entry.name, request_id=session.request_id, client=named, how=how)
        self.feed.tell(
            kind,
            model=entry.name,
            request_id=session.request_id,
            message=how,
            client_request_id=named,
            caller=session.request.caller,
        )

    def _forget(self, session: Session) -> None:
        self._sessions.discard(session)
        session.wipe()
        self.num_requests_served += 1
        if not self._sessions:
            self._quiet.set()
            self._busy.clear()

    async def ask(
        self, model: str, question: Callable[[int], m.Tokenize | m.Detokenize | m.Render], kind: type[R]
    ) -> R:
        """One question to a model's tokenizer or template; loads the model if needed."""
        entry = self._admit(model)
        async with self.tenancy.lease(entry, _ignore) as resident:
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
        self.yielding.admit()
        return self.resolve(model)

    def resolve(self, model: str) -> Entry:
        """The catalog's entry; an empty name means the default. Raises ModelNotFound or InvalidRequest.

        A model in memory is answered by though its file is gone: its worker reads an open descriptor.
        """
        self.catalog.scan()
        try:
            return self.catalog.resolve(model) if model else self.catalog.default(self.config.models.default)
        except errors.ModelNotFound:
            if (entry := self.tenancy.entry_of(model)) is None:
                raise
            return entry

    # ------------------------------------------------------------------ models

    @contextlib.asynccontextmanager
    async def loaded(
        self, model: str, progress: Progress, *, keep_seconds: float = 0
    ) -> AsyncIterator[Resident]:
        """Loads a model and leases it for the block; it stays at least `keep_seconds` after that."""
        entry = self._admit(model)
        async with self.tenancy.lease(entry, progress, keep_seconds=keep_seconds) as resident:
            yield resident

    async def unload(self, model: str, *, force: bool) -> int | None:
        """Takes a model out of memory; returns how many bytes are free now, or None if it was not there."""
        return await self.tenancy.unload(self.resolve(model).name, force=force)

    def pin(self, model: str, pinned: bool) -> None:
        self.tenancy.pin(self.resolve(model).name, pinned)

    # ------------------------------------------------------------------ the daemon's life

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

    async def drain(self, deadline_seconds: float) -> tuple[int, int]:
        """Takes nothing new and waits for what is under way. Returns how many finished, how many did not."""
        self._is_draining = self.tenancy.is_draining = True
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

    def preload(self, model: str) -> asyncio.Event:
        """Begins to load a model that a first request is expected for. Errors are that request's to tell.

        Returns what is set once this process has read of the model what it has to: the rest takes a worker.
        """
        known = asyncio.Event()
        self._tasks.spawn(self._preload(model, known), name="preload")
        return known

    async def _preload(self, model: str, known: asyncio.Event) -> None:
        try:
            with contextlib.suppress(errors.HobError):
                async with self.tenancy.lease(self.resolve(model), lambda *_: known.set()):
                    pass
        finally:
            known.set()

    def reconfigure(self, config: Config) -> None:
        """Takes over the keys that apply without a restart."""
        self.config = config
        if config.models.directory() != self.catalog.directory:
            self.catalog = Catalog(config.models.directory())
        self.tenancy.reconfigure(config, self.catalog)


def _ignore(stage: str, fraction: float, num_ahead: int = 0, /) -> None:
    """For those who wait without watching."""
