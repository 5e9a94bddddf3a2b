"""Builds the daemon from its parts, starts it, and ends it in order: the only place that does.

Must hold no logic of the parts. Called by main.py.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hob import address
from hob.version import VERSION

from hobd import log
from hobd.audit.journal import Audit, Journal, NoAudit
from hobd.broker.admission import Admission
from hobd.broker.appraisal import Appraiser
from hobd.broker.attesting import Attestor, Entrance
from hobd.broker.broker import Broker
from hobd.broker.devices import SystemDevices
from hobd.broker.loading import Loading
from hobd.broker.needs import Needs
from hobd.broker.supervisor import PythonSpawner
from hobd.broker.trips import Trips
from hobd.broker.tuning import Tuning
from hobd.broker.vault import Vault
from hobd.broker.yielding import Yielding
from hobd.config import RELOADABLE, Config, changed_keys, config_file
from hobd.door.doorkeeper import Applied, Doorkeeper
from hobd.door.doorway import Doorway
from hobd.door.service_manager import take_socket
from hobd.door.unix_socket import Access
from hobd.errors import ConfigError
from hobd.pressure import watch
from hobd.pressure.devices import DeviceWatch
from hobd.sandbox import enter
from hobd.starting import Starter, fixed_engine, load_config, offline_decided_by
from hobd.store.catalog import Catalog
from hobd.store.digest import DigestMemory
from hobd.store.pins import Pins
from hobd.store.quarantine import Quarantine
from hobd.store.quirks import Quirks
from hobd.store.tunings import Tunings

if TYPE_CHECKING:
    from hobd.api.doors import Reloaded
    from hobd.api.host import Host

# Whoever reads an answer takes longer, so the next model's worker is ready before it is asked for.
_QUIET_SECONDS = 0.1
# So long a model asked for at the start has this process for itself: imports treble what its header takes.
_HEAD_START_SECONDS = 0.2
# What ending may take beside the requests under way: models lay down what they computed, workers go.
_LAST_SECONDS = 15


class Daemon:
    """The parts, and the order in which they start and stop."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        config: Config,
        confinement: enter.Confinement | None,
        starter: Starter,
        spawner: PythonSpawner,
        budget: Mapping[str, int] | None,
    ) -> None:
        self._arguments = arguments
        self._config = config
        self._confinement = confinement
        self._starter = starter
        self._spawner = spawner
        self._started_at = time.time()
        self._appraiser = Appraiser(SystemDevices(), budget)
        self._admission = _admission(address.state_dir())
        self._ending = asyncio.Event()
        self._offline_decided_by = offline_decided_by(arguments)
        self._tuning = Tuning(Tunings(address.state_dir() / "tunings.json"), fixed_engine(arguments))
        self._reloads: set[asyncio.Task[None]] = set()
        #: For all parts that have something to tell: it holds no content, whatever happens.
        self._audit: Audit = NoAudit()

    async def serve(self) -> None:
        """Returns when the daemon has ended in order. Raises DoorError."""
        doors = Doorkeeper(self._arguments.socket, ready=take_socket(os.environ))
        try:
            # The owner's door is held by one daemon alone, and so is its journal.
            self._audit = doors.audit = _audit(self._config, doors.owner.door.path)
            doors.open_all(self._config.doors)
            if self._confinement is not None:
                self._confinement = enter.forbid_connect(self._confinement)
            self._audit.write(
                "started",
                version=VERSION,
                pid=os.getpid(),
                confinement=str(self._confinement or "none"),
            )
            async with self._broker() as broker:
                if self._arguments.load is not None:
                    await _within(_HEAD_START_SECONDS, broker.preload(self._arguments.load))
                await asyncio.to_thread(_import_api)
                host = self._host(broker, doors)
                await doors.serve(host)
                self._on_signals(broker, doors)
                idle = asyncio.create_task(self._end_when_idle(broker))
                spare = asyncio.create_task(self._keep_spare(broker))
                self._starter.ready()
                log.event(
                    "serving",
                    socket=doors.owner.door.path,
                    pid=os.getpid(),
                    confinement=str(self._confinement or "none"),
                )
                await self._ending.wait()
                idle.cancel()
                spare.cancel()
                patience = self._config.daemon.drain_timeout_seconds
                self._starter.ending(within_seconds=patience + _LAST_SECONDS)
                await broker.drain(patience)
                await host.stop()
                await broker.loading.vault.close()
        finally:
            doors.close()
            self._audit.write("ended", pid=os.getpid())
        log.event("ended", pid=os.getpid())

    async def _end_when_idle(self, broker: Broker) -> None:
        """Only if the configuration says after how long."""
        if seconds := self._config.daemon.idle_exit_seconds:
            await broker.idle_for(seconds)
            log.event("idle", seconds=seconds)
            self._ending.set()

    async def _keep_spare(self, broker: Broker) -> None:
        """Starts the next model's worker in quiet moments, if the configuration says so.

        If not, the one that was started for a model asked for at the start does not wait for another.
        """
        if self._config.engine.spare_worker and self._spawner.runs_here:
            await broker.loading.spare.keep(lambda: _quiet(broker))
        else:
            await _quiet(broker)
            self._spawner.let_go()

    def _broker(self) -> Broker:
        state, security = address.state_dir(), self._config.security
        loading = Loading(
            spawner=self._spawner,
            quirks=Quirks(state / "quirks.json"),
            admission=self._admission,
            vault=Vault(self._config.memory.pool_mb * 1_000_000),
            appraiser=self._appraiser,
            tuning=self._tuning,
            trips=Trips(
                security.tripwire,
                self._admission.quarantine,
                hears=enter.is_heard() and security.sandbox != "none",
            ),
        )
        return Broker(
            config=self._config,
            catalog=Catalog(self._config.models.directory()),
            loading=loading,
            needs=Needs(self._appraiser, self._tuning),
            budget=self._appraiser.budget(self._config),
            yielding=Yielding(self._watch()),
            audit=self._audit,
        )

    def _watch(self) -> watch.MemoryWatch:
        devices = SystemDevices()
        return watch.Several([watch.choose(os.environ), DeviceWatch(devices.free_of_gpus)])

    def _host(self, broker: Broker, doors: Doorkeeper) -> Host:
        from hobd.api.control import DaemonService, Identity
        from hobd.api.doors import DoorService, Listing
        from hobd.api.gate import Gate
        from hobd.api.host import Host
        from hobd.api.inference import InferenceService
        from hobd.api.models import ModelService

        config = config_file(self._arguments.config)
        identity = Identity(
            version=VERSION,
            started_at=self._started_at,
            confinement=str(self._confinement or "none"),
            config_path=str(config or ""),
            journal=address.audit_dir(doors.owner.door.path),
        )
        host, gate = Host(self._audit), Gate(broker)
        listing = Listing(doors, host.num_connections)
        host.services += [
            InferenceService(broker, gate),
            ModelService(broker, self._appraiser, gate, self._admission),
            DaemonService(
                broker,
                identity,
                gate,
                listing,
                end=self._ending.set,
                attestor=Attestor(broker, lambda: list(map(_entrance, doors.doorways))),
                offline_decided_by=lambda: self._offline_decided_by,
            ),
            DoorService(doors, listing, gate, config=config, reload=lambda: self._reload(broker, doors)),
        ]
        return host

    # ------------------------------------------------------------------ signals

    def _on_signals(self, broker: Broker, doors: Doorkeeper) -> None:
        loop = asyncio.get_running_loop()
        if sys.platform == "win32":  # Ctrl-C and Ctrl-Break, which is what one sends to a group of processes
            for number in (signal.SIGINT, signal.SIGBREAK):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._end, broker))
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, broker)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup, broker, doors)

    def _end(self, broker: Broker) -> None:
        """The first signal drains; another one does not wait."""
        if self._ending.is_set():
            broker.cut_short()
            return
        log.event("draining", num_sessions=broker.num_sessions)
        self._ending.set()

    def _on_hangup(self, broker: Broker, doors: Doorkeeper) -> None:
        task = asyncio.create_task(self._reload_aloud(broker, doors))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload_aloud(self, broker: Broker, doors: Doorkeeper) -> None:
        try:
            await self._reload(broker, doors)
        except ConfigError as error:
            log.event("config_refused", level="error", why=error.message)

    async def _reload(self, broker: Broker, doors: Doorkeeper) -> Reloaded:
        """Raises ConfigError, with nothing changed."""
        from hobd.api.doors import Reloaded

        config = load_config(self._arguments)
        self._offline_decided_by = offline_decided_by(self._arguments)
        self._tuning.fixed = fixed_engine(self._arguments)
        changed = changed_keys(self._config, config)
        waiting = [key for key in changed if key not in RELOADABLE]
        self._config = config
        log.configure(config.daemon.log_level)
        broker.reconfigure(config)
        applied: Applied = await doors.apply(config.doors)
        keys, later = ",".join(changed) or "nothing", ",".join(waiting) or "nothing"
        log.event("config_reloaded", changed=keys, needs_restart=later)
        self._audit.write("config_reloaded", changed=keys, needs_restart=later)
        return Reloaded(changed=changed, needs_restart=waiting, doors=applied)


def _audit(config: Config, socket: Path) -> Audit:
    """The one journal of the daemon's life, or none."""
    settings = config.audit
    if not settings.enabled:
        return NoAudit()
    folder = address.audit_dir(socket)
    return Journal(folder, max_bytes=settings.max_file_mb * 1_000_000, num_files=settings.num_files)


def _entrance(doorway: Doorway) -> Entrance:
    door = doorway.door
    most = Access(mode=door.mode).directory_mode
    return Entrance(name=doorway.name, path=door.path, mode=door.mode, directory_mode=most)


async def _quiet(broker: Broker) -> None:
    """Returns when nobody has asked for a moment, nothing loads and memory is not short."""
    await broker.yielding.calm()
    await broker.idle_for(_QUIET_SECONDS)
    await broker.loading.at_rest()


def _admission(state: Path) -> Admission:
    """What is remembered of model files, from one life of the daemon to the next."""
    return Admission(
        digests=DigestMemory(state / "digests.json"),
        pins=Pins(state / "pins.json"),
        quarantine=Quarantine(state / "quarantine.json"),
    )


async def _within(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _import_api() -> None:
    """The slowest imports, on a thread, so that a model asked for at the start already loads meanwhile."""
    import hobd.api.control
    import hobd.api.doors
    import hobd.api.inference
    import hobd.api.models  # noqa: F401
