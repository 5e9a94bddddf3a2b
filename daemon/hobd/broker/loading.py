"""Brings one model into memory: verify the file, start a worker on it, work around what dies.

Must give every failure a class of errors.py. Called by broker.py, which knows who waits.

The worker's first decode is a probe. One that is killed by SIGILL, SIGSEGV or SIGBUS in it shows that
this build's fastest code does not run on this machine; it is started once more without that code, and
what worked is remembered.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from hobd import errors, log
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


class Loading:
    """How models are loaded; holds no state of any one of them."""

    def __init__(self, *, spawner: Spawner, quirks: Quirks, digests: DigestMemory) -> None:
        self._spawner = spawner
        self._quirks = quirks
        self._digests = digests

    async def load(self, entry: Entry, config: Config, progress: Progress) -> Resident:
        """A resident that answers. Raises ModelUnusable, OutOfMemory or WorkerCrashed."""
        began = time.monotonic()
        model = await self._open(entry, config, progress)
        try:
            async with asyncio.timeout(config.engine.load_timeout_seconds):
                resident = await self._start(entry, model, config, progress)
        except TimeoutError:
            raise errors.ModelUnusable(
                f"{entry.name} did not load within {config.engine.load_timeout_seconds} s; "
                "raise engine.load_timeout_seconds if its disk is slow",
                model=entry.name,
            ) from None
        finally:
            os.close(model.fd)
        resident.load_ms = int((time.monotonic() - began) * 1000)
        return resident

    async def _open(self, entry: Entry, config: Config, progress: Progress) -> OpenModel:
        """The model's descriptor, its digest checked on that very descriptor."""
        loop = asyncio.get_running_loop()

        def on_progress(fraction: float) -> None:
            loop.call_soon_threadsafe(progress, "verifying", fraction)

        return await asyncio.to_thread(
            open_verified, entry, mode=config.models.verify, memory=self._digests, progress=on_progress
        )

    async def _start(self, entry: Entry, model: OpenModel, config: Config, progress: Progress) -> Resident:
        try:
            return await self._try_worker(entry, model, config, progress, workaround=None)
        except WorkerDied as death:
            if death.phase is not m.Phase.PROBING or death.status not in _FAULTS:
                raise self._crash(entry, death) from None
            first = death
        log.event("probe_failed", model=entry.name, how=describe_exit(first.status), retry="degraded")
        workaround = (
            f"extra weight formats off (the first decode with them was {describe_exit(first.status)})"
        )
        try:
            resident = await self._try_worker(entry, model, config, progress, workaround=workaround)
        except WorkerDied as death:
            raise self._crash(entry, death) from None
        self._quirks.remember(resident.engine_build, workaround)
        return resident

    async def _try_worker(
        self, entry: Entry, model: OpenModel, config: Config, progress: Progress, *, workaround: str | None
    ) -> Resident:
        """One attempt, of which no worker is left when it fails. `workaround` None: the remembered one."""
        template = await asyncio.to_thread(read_override, entry)
        process = self._spawner.spawn(model.fd)
        progress("loading", 0.0)
        resident = Resident(entry.name, model.sha256 or "", process, progress)
        try:
            hello = await resident.hello()
            engine = config.engine
            await resident.load(
                m.Load(
                    context_tokens=engine.context_tokens,
                    num_lanes=engine.lanes,
                    batch_tokens=max(
                        engine.batch_tokens, engine.lanes
                    ),  # every lane's token fits into one step
                    num_threads=engine.threads,
                    kv_cells=engine.kv_cells,
                    speculates=engine.speculation == "auto",
                    stash_bytes=engine.stash_mb * 1_000_000,
                    template=template,
                    degraded=self._quirks.get(hello.engine_build) if workaround is None else workaround,
                )
            )
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
