"""The course of one session: from its model's load to its end, over the deaths of workers.

Must bring every session to an end, and keep suspects apart while it does. Made by broker.py, one task
for each session; recovery.py says who goes on, and who not.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hobd import errors, log
from hobd.broker.feed import Feed
from hobd.broker.progress import Progress
from hobd.broker.recovery import Loss, Verdict, Ward
from hobd.broker.resident import Resident
from hobd.broker.session import Session
from hobd.store.catalog import Entry


class Gate:
    """The way to one model's worker: a Ward, and the means to wait for it."""

    def __init__(self) -> None:
        self._ward = Ward()
        self._changed = asyncio.Event()

    def may_pass(self, id: int) -> bool:
        return self._ward.may_go(id)

    async def change(self) -> None:
        """Returns when others than before may pass."""
        await self._changed.wait()

    def suspect(self, id: int) -> None:
        self._ward.admit(id)

    def clear(self, id: int) -> None:
        if self._ward.discharge(id):
            self._changed.set()
            self._changed = asyncio.Event()


class Keeper(Protocol):
    """What a course needs of whoever keeps the models."""

    feed: Feed

    def lease(
        self, entry: Entry, progress: Progress, *, keep_seconds: float
    ) -> AbstractAsyncContextManager[Resident]:
        """Keeps a model in memory, whichever worker holds it, and as long after that as is wished."""

    async def worker(self, model: str, progress: Progress) -> Resident:
        """The one that holds a leased model now, or that is about to. Raises what its load failed with."""

    def gate(self, model: str) -> Gate: ...


class Course:
    """`run` it once. Cancelled, it takes the work back from the worker."""

    def __init__(self, session: Session, entry: Entry, keeper: Keeper) -> None:
        now, request = asyncio.get_running_loop().time(), session.request
        self._session = session
        self._entry = entry
        self._keeper = keeper
        self._gate = keeper.gate(entry.name)
        self._began = now
        self._ends_by = None if request.max_total_ms is None else now + request.max_total_ms / 1000
        self._lane_by: float | None = None  # set when there is something to queue for
        self._resident: Resident | None = None  # the last one that had it

    async def run(self) -> None:
        session, name = self._session, self._entry.name
        try:
            # Governs the waits for a worker. While one answers, a timer ends the answer with what there is.
            async with asyncio.timeout_at(self._ends_by) as limit:
                keep = session.request.keep_alive_seconds
                async with self._keeper.lease(self._entry, session.progress, keep_seconds=keep):
                    now = asyncio.get_running_loop().time()
                    session.load_ms = int((now - self._began) * 1000)
                    session.started(name, now)
                    self._start_queueing(limit)
                    while (loss := await self._stint(await self._next_worker(), limit)) is not None:
                        self._take(loss)
                        limit.reschedule(self._patience())
        except TimeoutError:
            self._end_for_lack_of_time()
        except errors.HobError as error:
            session.fail(error)
        finally:
            self._gate.clear(session.id)

    # ------------------------------------------------------------------ one worker's part

    async def _next_worker(self) -> Resident:
        """The model's worker, when it may be gone to. There must be no pause between this and going."""
        while True:
            resident = await self._keeper.worker(self._entry.name, self._on_progress)
            if self._gate.may_pass(self._session.id):
                return resident
            await self._gate.change()

    async def _stint(self, resident: Resident, limit: asyncio.Timeout) -> Loss | None:
        """One worker's part of the answer. None when it was the last one."""
        self._check_model(resident)
        self._resident = resident
        limit.reschedule(None)
        loop, session = asyncio.get_running_loop(), self._session
        timers = []
        if self._ends_by is not None:
            timers.append(loop.call_at(self._ends_by, resident.cut, session))
        if self._lane_by is not None and not session.has_begun:
            timers.append(loop.call_at(self._lane_by, self._give_up_waiting))
        try:
            return await resident.answer(session)
        finally:
            for timer in timers:
                timer.cancel()

    def _check_model(self, resident: Resident) -> None:
        before, names = self._resident, [lora.name for lora in self._session.request.loras]
        if before is not None and before.digests(names) != resident.digests(names):
            raise errors.WorkerCrashed(
                f"request {self._session.request_id} cannot go on after its worker died: the file of "
                f"{self._entry.name} or of an adapter became another; ask again",
                model=self._entry.name,
            )

    def _take(self, loss: Loss) -> None:
        """Prepares for another worker. Raises when there is to be none."""
        session, model = self._session, self._entry.name
        if loss.is_condemned:
            raise errors.ModelUnusable(
                f"request {session.request_id} was refused: {model} cannot be used, since {loss.how}",
                model=model,
            )
        if loss.is_wanted:
            raise errors.WorkerCrashed(
                f"request {session.request_id} was lost because {loss.how}; ask again, "
                f"{model} loads by itself",
                model=model,
            )
        if loss.verdict is Verdict.GIVE_UP:
            raise self._give_up(loss)
        if loss.verdict is Verdict.QUARANTINE:
            self._gate.suspect(session.id)
            session.on_trusted = self._on_trusted
        session.progress("recovering", 0.0)

    def _give_up(self, loss: Loss) -> errors.WorkerCrashed:
        id, model, deaths = self._session.request_id, self._entry.name, self._session.history.num_deaths
        log.event("request_given_up", level="warning", request_id=id, model=model, num_deaths=deaths)
        self._keeper.feed.tell("request_given_up", model=model, request_id=id)
        return errors.WorkerCrashed(
            f"request {id} was given up: the worker died {deaths} times while answering it "
            f"({loss.how}); change the request, or ask another model",
            model=model,
        )

    # ------------------------------------------------------------------ waiting

    def _start_queueing(self, limit: asyncio.Timeout) -> None:
        limit_ms = self._session.request.max_queue_ms
        if limit_ms is not None:
            self._lane_by = asyncio.get_running_loop().time() + limit_ms / 1000
            limit.reschedule(self._patience())

    def _patience(self) -> float | None:
        """Until when it may wait for a worker."""
        limits = (self._ends_by, None if self._session.has_begun else self._lane_by)
        return min((limit for limit in limits if limit is not None), default=None)

    def _end_for_lack_of_time(self) -> None:
        session, name = self._session, self._entry.name
        if self._patience() != self._ends_by:
            self._give_up_waiting()
        elif self._resident is not None and session.is_admitted:
            session.is_cut_by_deadline = True
            self._resident.end(session, session.end_so_far())
        else:
            session.fail(
                errors.Busy(
                    f"{name} was not ready within the {session.request.max_total_ms} ms "
                    "that the request allows",
                    model=name,
                )
            )

    def _give_up_waiting(self) -> None:
        session, name = self._session, self._entry.name
        if not session.has_begun:
            session.fail(
                errors.Busy(
                    f"no lane of {name} came free within {session.request.max_queue_ms} ms; "
                    "try again shortly",
                    model=name,
                    retry_after_ms=1000,
                )
            )

    def _on_progress(self, stage: str, fraction: float, num_ahead: int = 0, /) -> None:
        """A load that is somebody's second one shows as what it is to them."""
        self._session.progress("recovering" if self._session.history.num_losses else stage, fraction)

    def _on_trusted(self) -> None:
        self._gate.clear(self._session.id)
