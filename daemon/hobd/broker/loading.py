"""Brings one model into memory: verify the file, start a worker on it, work around what dies.

Must give every failure a class of errors.py. Called by broker.py, which knows who waits.

The worker's first decode is a probe. One that is killed by SIGILL, SIGSEGV or SIGBUS in it shows that
this build's fastest code does not run on this machine; it is started once more without that code, and
what worked is remembered.

A draft model is opened and verified like the model itself. What is wrong with it is told, and the model
is loaded without it; so is one whose worker died when it read the draft. Adapters are treated the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hobd import errors, log
from hobd.broker.adapters import Adapter, Adapters
from hobd.broker.appraisal import Appraiser, as_planned
from hobd.broker.draft import Draft
from hobd.broker.fit import Plan
from hobd.broker.resident import Resident, WorkerDied
from hobd.broker.supervisor import Spawner, describe_exit
from hobd.config import Config
from hobd.store.catalog import Entry
from hobd.store.digest import DigestMemory, OpenModel, open_verified
from hobd.store.override import read_override
from hobd.store.quirks import Quirks
from hobd.wire import messages as m

Progress = Callable[[str, float], None]

_FAULTS = frozenset((-signal.SIGILL, -signal.SIGSEGV, -signal.SIGBUS))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One load, its files open."""

    entry: Entry
    model: OpenModel
    draft: Draft
    draft_fd: int | None
    adapters: Adapters
    config: Config
    progress: Progress
    plan: Plan | None

    def without_culprit(self, death: WorkerDied) -> _Job | None:
        """The same without what the worker was reading when it died; None if that was the model."""
        how = f"broke the contract ({death.reason})" if death.reason else f"was {describe_exit(death.status)}"
        problem = f"the worker that read it {how}; it may be damaged, or too large"
        if death.phase is m.Phase.DRAFTING and self.draft_fd is not None:
            return replace(self, draft=self.draft.without(problem), draft_fd=None)
        each = self.adapters.each
        if death.phase is m.Phase.ADAPTING and death.adapter < len(each) and not each[death.adapter].problem:
            return replace(self, adapters=self.adapters.without(death.adapter, problem))
        return None


class Loading:
    """How models are loaded; holds no state of any one of them."""

    def __init__(
        self, *, spawner: Spawner, quirks: Quirks, digests: DigestMemory, appraiser: Appraiser
    ) -> None:
        self._appraiser = appraiser
        self._spawner = spawner
        self._quirks = quirks
        self._digests = digests

    async def load(self, entry: Entry, draft: Draft, config: Config, progress: Progress) -> Resident:
        """A resident that answers. Raises ModelUnusable, OutOfMemory or WorkerCrashed."""
        began = time.monotonic()
        with contextlib.ExitStack() as files:
            model = await self._open(entry, config, progress)
            files.callback(os.close, model.fd)
            draft, draft_fd = await self._open_draft(draft, config, progress)
            if draft_fd is not None:
                files.callback(os.close, draft_fd)
            adapters = await self._open_adapters(entry, config, progress)
            for fd in adapters.fds:
                files.callback(os.close, fd)
            plan = await asyncio.to_thread(
                self._appraiser.plan, entry.name, model.fd, config, draft=draft_fd, adapters=adapters.fds
            )
            if plan is not None and plan.problem:
                raise errors.OutOfMemory(plan.problem, model=entry.name)
            resident = await self._start_in_time(
                _Job(
                    entry=entry,
                    model=model,
                    draft=draft,
                    draft_fd=draft_fd,
                    adapters=adapters,
                    config=config,
                    progress=progress,
                    plan=plan,
                )
            )
        if resident.plan is not None and resident.plan.steps:
            log.event("shrunk", level="warning", model=entry.name, steps=resident.plan.shrunk)
        resident.load_ms = int((time.monotonic() - began) * 1000)
        return resident

    async def _open(self, entry: Entry, config: Config, progress: Progress) -> OpenModel:
        """A model's descriptor, its digest checked on that very descriptor."""
        loop = asyncio.get_running_loop()

        def on_progress(fraction: float) -> None:
            loop.call_soon_threadsafe(progress, "verifying", fraction)

        return await asyncio.to_thread(
            open_verified, entry, mode=config.models.verify, memory=self._digests, progress=on_progress
        )

    async def _open_draft(self, draft: Draft, config: Config, progress: Progress) -> tuple[Draft, int | None]:
        """The draft's descriptor, or what is wrong with it. There is none where nothing may be guessed."""
        if config.engine.speculation == "off":
            return Draft(), None
        if draft.entry is None:
            return draft, None
        try:
            return draft, (await self._open(draft.entry, config, progress)).fd
        except errors.ModelUnusable as error:
            return draft.without(error.message), None

    async def _open_adapters(self, entry: Entry, config: Config, progress: Progress) -> Adapters:
        """The model's adapters, each open or with what is wrong with it."""
        opened: list[Adapter] = []
        try:
            for adapter in entry.adapters:
                opened.append(await self._open_adapter(adapter, config, progress))
        except BaseException:
            for fd in Adapters(tuple(opened)).fds:
                os.close(fd)
            raise
        return Adapters(tuple(opened))

    async def _open_adapter(self, adapter: Entry, config: Config, progress: Progress) -> Adapter:
        if adapter.problem is not None:
            return Adapter(name=adapter.name, problem=adapter.problem)
        try:
            file = await self._open(adapter, config, progress)
        except errors.ModelUnusable as error:
            return Adapter(name=adapter.name, problem=error.message)
        return Adapter(name=adapter.name, fd=file.fd, sha256=file.sha256 or "")

    async def _start_in_time(self, job: _Job) -> Resident:
        seconds = job.config.engine.load_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._start(job)
        except TimeoutError:
            raise errors.ModelUnusable(
                f"{job.entry.name} did not load within {seconds} s; "
                "raise engine.load_timeout_seconds if its disk is slow",
                model=job.entry.name,
            ) from None

    async def _start(self, job: _Job) -> Resident:
        try:
            return await self._try_extras(job, workaround=None)
        except WorkerDied as death:
            if death.phase is not m.Phase.PROBING or death.status not in _FAULTS:
                raise self._crash(job.entry, death) from None
            first = death
        log.event("probe_failed", model=job.entry.name, how=describe_exit(first.status), retry="degraded")
        workaround = (
            f"extra weight formats off (the first decode with them was {describe_exit(first.status)})"
        )
        try:
            resident = await self._try_extras(job, workaround=workaround)
        except WorkerDied as death:
            raise self._crash(job.entry, death) from None
        self._quirks.remember(resident.engine_build, workaround)
        return resident

    async def _try_extras(self, job: _Job, *, workaround: str | None) -> Resident:
        """Attempts with all there is for the model, each without what the worker before died of."""
        while True:
            try:
                return await self._try_worker(job, workaround=workaround)
            except WorkerDied as death:
                less = job.without_culprit(death)
                if less is None:
                    raise
                job = less

    async def _try_worker(self, job: _Job, *, workaround: str | None) -> Resident:
        """One attempt, of which no worker is left when it fails. `workaround` None: the remembered one."""
        template = await asyncio.to_thread(read_override, job.entry)
        process = self._spawner.spawn(job.model.fd, job.draft_fd, job.adapters.fds)
        job.progress("loading", 0.0)
        resident = Resident(job.entry.name, job.model.sha256 or "", process, job.progress)
        resident.draft, resident.why_no_draft = job.draft.name, job.draft.problem
        resident.adapters = job.adapters.digests
        resident.plan = job.plan
        try:
            hello = await resident.hello()
            remembered = self._quirks.get(hello.engine_build)
            degraded = remembered if workaround is None else workaround
            await resident.load(_settings(job, degraded, template))
        except BaseException:
            process.kill()
            raise
        return resident

    @staticmethod
    def _crash(entry: Entry, death: WorkerDied) -> errors.HobError:
        during = f"while {death.phase.value}"
        if death.reason:
            return errors.WorkerCrashed(
                f"the worker for {entry.name} broke the contract {during} ({death.reason}); reinstall hob",
                model=entry.name,
            )
        if death.phase is m.Phase.LOADING:
            return errors.ModelUnusable(
                f"{entry.name} cannot be used: the worker that read it was {describe_exit(death.status)}; "
                "the file may be damaged or hostile, fetch it again",
                model=entry.name,
            )
        return errors.WorkerCrashed(
            f"the worker for {entry.name} was {describe_exit(death.status)} {during}; "
            "the daemon's log may say why, and a rebuilt engine may cure it",
            model=entry.name,
        )


def _settings(job: _Job, workaround: str, template: bytes | None) -> m.Load:
    engine = job.config.engine
    load = m.Load(
        context_tokens=engine.context_tokens,
        num_lanes=engine.lanes,
        batch_tokens=max(engine.batch_tokens, engine.lanes),  # every lane's token fits into one step
        num_threads=engine.threads,
        kv_cells=engine.kv_cells,
        speculates=engine.speculation == "auto",
        stash_bytes=engine.stash_mb * 1_000_000,
        degraded=workaround,
        adapters=job.adapters.for_worker(),
        template=template,
        kv_type=engine.kv_type,
        gpu_layers=engine.gpu_layers,
    )
    return load if job.plan is None else as_planned(load, job.plan.settings)
