"""How a daemon is told what to be, and tells who started it whether it serves: flags, settings, first words.

Must start nothing. Used by main.py.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hob import address, portable
from hob.version import VERSION

from hobd.config import Config, config_file, decided_by, load
from hobd.door.service_manager import ServiceManager
from hobd.errors import ConfigError


class Starter:
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


def open_log(path: Path) -> None:
    """From now on what goes to standard error goes there, also where there is none. Raises ConfigError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | portable.NO_LINK, 0o600)
    except OSError as error:
        raise ConfigError(f"the log {path} cannot be written ({error.strerror}); name another") from None
    os.dup2(fd, 2)
    os.close(fd)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)


def load_config(arguments: argparse.Namespace) -> Config:
    """As file, environment and flags say together. Raises ConfigError."""
    return load(config_file(arguments.config), os.environ, arguments.set)


def offline_decided_by(arguments: argparse.Namespace) -> str:
    """Who says whether programs of hob's may use a network: a file, or "default"."""
    return decided_by("network.offline", config_file(arguments.config), os.environ, arguments.set)


def fixed_engine(arguments: argparse.Namespace) -> dict[str, str]:
    """Which settings of the engine somebody made, and where: a tuning leaves those alone."""
    path = config_file(arguments.config)
    places = {
        name: decided_by(f"engine.{name}", path, os.environ, arguments.set)
        for name in ("threads", "batch_tokens", "kv_type")
    }
    return {name: where for name, where in places.items() if where != "default"}


def parse(argv: list[str]) -> argparse.Namespace:
    """Ends the process with status 2 for what it does not know."""
    parser = argparse.ArgumentParser(
        prog="hobd",
        description="Keeps language models warm and serves them on a Unix socket that only you can open.",
    )
    parser.add_argument("--version", action="version", version=f"hobd {VERSION}")
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
    parser.add_argument("--log-file", type=Path, help="where the log goes (default: standard error)")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(argv)
