"""Builds the daemon from its parts, starts it, and ends it in order: the only place that does.

Must hold no logic of the parts. Called by __main__.py once the process is confined.

Exit status: 0 ended as asked, 1 could not start, 2 bad arguments or configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hob import address

from hobd import log
from hobd.broker.appraisal import Appraiser
from hobd.broker.broker import Broker
from hobd.broker.devices import SystemDevices
from hobd.broker.loading import Loading
from hobd.broker.needs import Needs
from hobd.broker.supervisor import PythonSpawner
from hobd.broker.vault import Vault
from hobd.broker.yielding import Yielding
from hobd.config import RELOADABLE, Config, changed_keys, config_file, load, to_toml
from hobd.door import policy, unix_socket
from hobd.door.caller import caller_from
from hobd.door.peer import peer_of
from hobd.door.service_manager import ServiceManager, take_socket
from hobd.errors import ConfigError, HobError
from hobd.pressure import watch
from hobd.pressure.devices import DeviceWatch
from hobd.sandbox import enter
from hobd.sandbox.failure import SandboxError
from hobd.store.catalog import Catalog
from hobd.store.digest import DigestMemory
from hobd.store.quirks import Quirks

if TYPE_CHECKING:
    from hobd.api.host import Host

EXIT_OK, EXIT_CANNOT_START, EXIT_USAGE = 0, 1, 2
WORKER = ("-m", "hobd.worker")
# Whoever reads an answer takes longer, so the next model's worker is ready before it is asked for.
_QUIET_SECONDS = 0.1
# What ending may take beside the requests under way: models lay down what they computed, workers go.
_LAST_SECONDS = 15


def run(
    argv: list[str],
    confinement: enter.Confinement | None,
    failure: str,
    *,
    worker: Sequence[str] = WORKER,
    budget: Mapping[str, int] | None = None,
) -> int:
    """The whole life of a daemon.

    `failure` says why there is no confinement; `worker` what Python runs as a worker; `budget` the memory for
    models, if not as the machine has it.
    """
    arguments = _parse(argv)
    starter = _Starter(arguments.ready_fd)
    try:
        config = _load_config(arguments)
        if arguments.check_config:
            print("the configuration is good")
            return EXIT_OK
        if arguments.print_config:
            print(to_toml(config), end="")
            return EXIT_OK
        if failure and config.security.sandbox != "none":
            raise ConfigError(f"the daemon cannot confine itself: {failure}")
        log.configure(config.daemon.log_level)
        log.catch_tracebacks()
        daemon = _Daemon(arguments, config, confinement, starter, worker, budget)
        asyncio.run(daemon.serve())
    except ConfigError as error:
        starter.fail(error.message)
        return EXIT_USAGE
    except (HobError, SandboxError) as error:
        starter.fail(str(error))
        return EXIT_CANNOT_START
    return EXIT_OK


class _Starter:
    """Tells who started the daemon whether it serves."""

    def __init__(self, ready_fd: int | None) -> None:
        self._fd = ready_fd
        self._manager = ServiceManager(os.environ)

    def ready(self) -> None:
        self._tell("ready\n")
        self._manager.ready()

    def ending(self, *, within_seconds: int) -> None:
        self._manager.stopping(within_seconds=within_seconds)

    def fail(self, why: str) -> None:
        print(f"hobd: {why}", file=sys.stderr)
        self._tell(f"error {why}\n")

    def _tell(self, line: str) -> None:
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            os.write(fd, line.encode())
        except OSError:
            pass  # it did not wait
        os.close(fd)


class _Daemon:
    """The parts, and the order in which they start and stop."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        config: Config,
        confinement: enter.Confinement | None,
        starter: _Starter,
        worker: Sequence[str],
        budget: Mapping[str, int] | None,
    ) -> None:
        self._arguments = arguments
        self._config = config
        self._confinement = confinement
        self._starter = starter
        self._worker = worker
        self._started_at = time.time()
        self._appraiser = Appraiser(SystemDevices(), budget)
        self._ending = asyncio.Event()

    async def serve(self) -> None:
        """Returns when the daemon has ended in order. Raises DoorError."""
        door = unix_socket.open_door(self._arguments.socket, ready=take_socket(os.environ))
        try:
            if self._confinement is not None:
                self._confinement = enter.forbid_connect(self._confinement)
            async with self._broker() as broker:
                if self._arguments.load is not None:
                    broker.preload(self._arguments.load)
                await asyncio.to_thread(_import_api)
                host = self._host(broker, door)
                await host.start(door.socket)
                self._on_signals(broker)
                idle = asyncio.create_task(self._end_when_idle(broker))
                spare = asyncio.create_task(self._keep_spare(broker))
                self._starter.ready()
                log.event(
                    "serving", socket=door.path, pid=os.getpid(), confinement=str(self._confinement or "none")
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
            door.close()
        log.event("ended", pid=os.getpid())

    async def _end_when_idle(self, broker: Broker) -> None:
        """Only if the configuration says after how long."""
        if seconds := self._config.daemon.idle_exit_seconds:
            await broker.idle_for(seconds)
            log.event("idle", seconds=seconds)
            self._ending.set()

    async def _keep_spare(self, broker: Broker) -> None:
        """Starts the next model's worker in quiet moments, if the configuration says so."""
        if self._config.engine.spare_worker:
            await broker.loading.spare.keep(lambda: _quiet(broker))

    def _broker(self) -> Broker:
        state = address.state_dir()
        loading = Loading(
            spawner=PythonSpawner(sandbox=self._config.security.sandbox, module=self._worker),
            quirks=Quirks(state / "quirks.json"),
            digests=DigestMemory(state / "digests.json"),
            vault=Vault(self._config.memory.pool_mb * 1_000_000),
            appraiser=self._appraiser,
        )
        return Broker(
            config=self._config,
            catalog=Catalog(self._config.models.directory()),
            loading=loading,
            needs=Needs(self._appraiser),
            budget=self._appraiser.budget(self._config),
            yielding=Yielding(self._watch()),
        )

    def _watch(self) -> watch.MemoryWatch:
        devices = SystemDevices()
        return watch.Several([watch.choose(os.environ), DeviceWatch(devices.free_of_gpus)])

    def _host(self, broker: Broker, door: unix_socket.Door) -> Host:
        from hobd.api.control import DaemonService, Identity
        from hobd.api.host import Host
        from hobd.api.inference import InferenceService
        from hobd.api.models import ModelService

        identity = Identity(
            version=version("hob"),
            started_at=self._started_at,
            door_path=str(door.path),
            door_mode=door.mode,
            confinement=str(self._confinement or "none"),
            config_path=str(config_file(self._arguments.config) or ""),
        )
        control = DaemonService(
            broker, identity, num_connections=lambda: host.num_connections, end=self._ending.set
        )
        host = Host(
            [InferenceService(broker), ModelService(broker, self._appraiser), control],
            admit=_admit,
        )
        return host

    # ------------------------------------------------------------------ signals

    def _on_signals(self, broker: Broker) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, broker)
        loop.add_signal_handler(signal.SIGHUP, self._reload, broker)

    def _end(self, broker: Broker) -> None:
        """The first signal drains; another one does not wait."""
        if self._ending.is_set():
            broker.cut_short()
            return
        log.event("draining", num_sessions=broker.num_sessions)
        self._ending.set()

    def _reload(self, broker: Broker) -> None:
        try:
            config = _load_config(self._arguments)
        except ConfigError as error:
            log.event("config_refused", level="error", why=error.message)
            return
        changed = changed_keys(self._config, config)
        waiting = [key for key in changed if key not in RELOADABLE]
        self._config = config
        log.configure(config.daemon.log_level)
        broker.reconfigure(config)
        log.event(
            "config_reloaded",
            changed=",".join(changed) or "nothing",
            needs_restart=",".join(waiting) or "nothing",
        )


async def _quiet(broker: Broker) -> None:
    """Returns when nobody has asked for a moment, nothing loads and memory is not short."""
    await broker.yielding.calm()
    await broker.idle_for(_QUIET_SECONDS)
    await broker.loading.at_rest()


def _admit(connection: socket.socket) -> None:
    """Raises NotPermitted. Whoever comes in is told in the log, by the kernel's word."""
    caller = caller_from(peer_of(connection), door="owner")
    policy.admit(caller.uid, os.getuid())
    log.event("connected", level="debug", door=caller.door, pid=caller.pid, executable=caller.executable)


def _import_api() -> None:
    """The slowest imports, on a thread, so that a model asked for at the start already loads meanwhile."""
    import hobd.api.control
    import hobd.api.inference
    import hobd.api.models  # noqa: F401


def _load_config(arguments: argparse.Namespace) -> Config:
    return load(config_file(arguments.config), os.environ, arguments.set)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hobd",
        description="Keeps language models warm and serves them on a Unix socket that only you can open.",
    )
    parser.add_argument("--version", action="version", version=f"hobd {version('hob')}")
    parser.add_argument(
        "--socket", type=Path, default=address.socket_path(), help="the door (default: %(default)s)"
    )
    parser.add_argument("--config", help=f"default: {address.config_path()}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="overrides the file"
    )
    parser.add_argument("--load", metavar="MODEL", help="load this model at once; empty for the default one")
    parser.add_argument(
        "--check-config", action="store_true", help="say whether the configuration is good, and exit"
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print the whole configuration in force, and exit"
    )
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(argv)
