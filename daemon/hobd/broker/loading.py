"""Brings one model into memory: verify the file, start a worker on it, work around what dies.

Must give every failure a class of errors.py. Called by tenancy.py, which knows who waits.

The worker's first decode is a probe. One that is killed by SIGILL, SIGSEGV or SIGBUS in it shows that
this build's fastest code does not run on this machine; it is started once more without that code, and
what worked is remembered.

A draft model is opened and verified like the model itself. What is wrong with it is told, and the model
is loaded without it; so is one whose worker died when it read the draft. Adapters and what the model sees
with are treated the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from hobd import errors, log
from hobd.broker.admission import Admission
from hobd.broker.appraisal import Appraiser, as_planned
from hobd.broker.death import WorkerDied
from hobd.broker.draft import Draft
from hobd.broker.exit_status import FAULTS, describe_exit
from hobd.broker.files import Files, open_files
from hobd.broker.fit import Plan
from hobd.broker.progress import Progress
from hobd.broker.resident import Resident
from hobd.broker.seal import Binding
from hobd.broker.spare import SpareWorker
from hobd.broker.supervisor import Spawner, WorkerProcess
from hobd.broker.trips import Trips
from hobd.broker.tuning import Tuning
from hobd.broker.vault import Vault
from hobd.config import Config, Engine
from hobd.store.catalog import Entry
from hobd.store.override import read_override
from hobd.store.quirks import Quirks
from hobd.wire import messages as m


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One load, its files open."""

    entry: Entry
    files: Files
    config: Config
    progress: Progress
    plan: Plan | None


class Loading:
    """How models are loaded; holds no state of any one of them, but for what `vault` keeps sealed."""

    def __init__(
        self,
        *,
        spawner: Spawner,
        quirks: Quirks,
        admission: Admission,
        vault: Vault,
        appraiser: Appraiser,
        trips: Trips | None = None,
        tuning: Tuning | None = None,
    ) -> None:
        self.tuning = tuning or Tuning()
        self.trips = trips or Trips()
        self.spare = SpareWorker(spawner)
        self.vault = vault
        self._num_loading = 0
        self._rest = asyncio.Event()
        self._rest.set()
        self._appraiser = appraiser
        self._spawner = spawner
        self._quirks = quirks
        self._admission = admission

    async def load(self, entry: Entry, draft: Draft, config: Config, progress: Progress) -> Resident:
        """A resident that answers. Raises ModelUnusable, OutOfMemory or WorkerCrashed."""
        began = time.monotonic()
        tuned = self.tuning.apply(entry, config)
        if tuned is not config:
            log.event("tuned", model=entry.name, **_differences(config.engine, tuned.engine))
        config = tuned
        with contextlib.ExitStack() as stack, self._at_work():
            files = await open_files(entry, draft, config, self._admission, progress, stack)
            plan = await asyncio.to_thread(
                self._appraiser.plan,
                entry.name,
                files.model.fd,
                config,
                draft=files.draft_fd,
                adapters=files.adapters.fds,
                projector=files.projector.fd,
            )
            if plan is not None and plan.problem:
                raise errors.OutOfMemory(plan.problem, model=entry.name)
            resident = await self._start_in_time(
                _Job(entry=entry, files=files, config=config, progress=progress, plan=plan)
            )
        if resident.plan is not None and resident.plan.steps:
            log.event("shrunk", level="warning", model=entry.name, steps=resident.plan.shrunk)
        resident.load_ms = int((time.monotonic() - began) * 1000)
        if resident.projector.name:
            why = resident.projector_problem
            log.event("projector", level="warning" if why else "info", model=entry.name, why=why)
        return resident

    async def at_rest(self) -> None:
        """Returns when nothing is being loaded."""
        await self._rest.wait()

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        self._num_loading += 1
        self._rest.clear()
        try:
            yield
        finally:
            self._num_loading -= 1
            if not self._num_loading:
                self._rest.set()

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
            if death.phase is not m.Phase.PROBING or death.status not in FAULTS:
                raise self._crash(job, death) from None
            first = death
        log.event("probe_failed", model=job.entry.name, how=describe_exit(first.status), retry="degraded")
        workaround = (
            f"extra weight formats off (the first decode with them was {describe_exit(first.status)})"
        )
        try:
            resident = await self._try_extras(job, workaround=workaround)
        except WorkerDied as death:
            raise self._crash(job, death) from None
        self._quirks.remember(resident.engine_build, workaround)
        return resident

    async def _try_extras(self, job: _Job, *, workaround: str | None) -> Resident:
        """Attempts with all there is for the model, each without what the worker before died of."""
        while True:
            try:
                resident = await self._try_worker(job, workaround=workaround)
            except WorkerDied as death:
                less = job.files.without_culprit(death)
                if less is None:
                    raise
                self._admission.died(job.files.culprit(death), death, job.config)
                job = replace(job, files=less)
                continue
            try:
                await asyncio.to_thread(self._admission.loaded, job.files.handed_over, job.config)
            except BaseException:
                resident.process.kill()
                raise
            return resident

    async def _try_worker(self, job: _Job, *, workaround: str | None) -> Resident:
        """One attempt, of which no worker is left when it fails. `workaround` None: the remembered one."""
        template = await asyncio.to_thread(read_override, job.entry)
        resident = await self._recruit(job)
        try:
            remembered = self._quirks.get(resident.engine_build)
            degraded = remembered if workaround is None else workaround
            await self._fill(resident, job, _settings(job, degraded, template))
        except BaseException:
            resident.process.kill()
            raise
        return resident

    async def _recruit(self, job: _Job) -> Resident:
        """A worker that has said hello: the spare one, or a new one."""
        job.progress("loading", 0.0)
        spare = self.spare.take()
        if spare is not None:
            with contextlib.suppress(WorkerDied):  # unnoticed so far
                return await self._meet(spare, job)
        return await self._meet(self._spawner.spawn(), job)

    async def _meet(self, process: WorkerProcess, job: _Job) -> Resident:
        resident = Resident(
            job.entry.name,
            job.files.model.sha256 or "",
            process,
            job.progress,
            job.config.engine.step_timeout_seconds,
            self.trips,
        )
        resident.draft, resident.why_no_draft = job.files.draft.name, job.files.draft.problem
        resident.adapters = job.files.adapters.digests
        resident.projector = job.files.projector
        resident.conduct.projector_fd = job.files.projector.fd
        resident.plan = job.plan
        try:
            await resident.hello()
        except BaseException:
            process.kill()
            raise
        return resident

    async def _fill(self, resident: Resident, job: _Job, settings: m.Load) -> None:
        """Gives a worker its model, and what earlier workers computed with it."""
        await self.vault.settled(resident.model)
        binding = _binding(resident, settings)
        handover = self.vault.open(resident.model, binding, settings.stash_bytes, job.files.model.size_bytes)
        if handover is None:
            await resident.load(settings, [fd for _, fd in job.files.descriptors])
            return
        settings = msgspec.structs.replace(
            settings, descriptors=(*settings.descriptors, "tray"), tray_begin=handover.tray_begin
        )
        unsealing = asyncio.create_task(handover.unseal(), name=f"unseal {resident.model}")
        try:
            await resident.load(settings, [*(fd for _, fd in job.files.descriptors), handover.tray.fd])
            resident.restore(handover.restored(await unsealing))
        except BaseException:
            unsealing.add_done_callback(lambda _: handover.close())
            raise
        resident.handover = handover

    def _crash(self, job: _Job, death: WorkerDied) -> errors.HobError:
        """What to tell of a death that nothing works around; it counts against the model."""
        quarantined = self._admission.died(job.files.culprit(death), death, job.config)
        error = self._describe(job.entry, death)
        if quarantined:
            error.message = f"{error.message}; {quarantined}"
        return error

    @staticmethod
    def _describe(entry: Entry, death: WorkerDied) -> errors.HobError:
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
        adapters=job.files.adapters.for_worker(),
        template=template,
        projector_problem=job.files.projector.problem,
        descriptors=tuple(purpose for purpose, _ in job.files.descriptors),
        kv_type=engine.kv_type,
        gpu_layers=engine.gpu_layers,
    )
    return load if job.plan is None else as_planned(load, job.plan.settings)


def _binding(resident: Resident, settings: m.Load) -> Binding:
    """What must be the same for a state to be of use, as far as the broker decides it."""
    return Binding(
        model=resident.sha256,
        # What a projector made of a picture is in the cells of who saw it.
        adapters=(resident.projector.sha256, *(digest for _, digest in sorted(resident.adapters.items()))),
        engine_build=resident.engine_build,
        layout=f"{settings.context_tokens},{settings.kv_cells},{settings.num_lanes},{settings.degraded},"
        f"{settings.kv_type}",
    )


def _differences(usual: Engine, tuned: Engine) -> dict[str, Any]:
    """The settings that a trial or a tuning changed."""
    before, after = msgspec.structs.asdict(usual), msgspec.structs.asdict(tuned)
    return {name: value for name, value in after.items() if value != before[name]}
