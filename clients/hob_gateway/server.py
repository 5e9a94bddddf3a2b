"""The gateway as a process: listens, gives up its rights, serves until it is told to end.

Must confine itself before the first byte of a stranger is read. Called by main.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hob_gateway import certificate, confine, listening, places
from hob_gateway.listening import Address
from hob_gateway.origins import LOOPBACK, Names, check_origin, names_of

RUNNING = "running.json"
_STDERR = 2
TOKENS = "tokens.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What `hob gateway run` was told."""

    door: str
    address: Address
    door_name: str = ""  # where it is known
    lan: bool = False
    certificate: str = ""
    key: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    unconfined: bool = False
    rate: int = 50
    access_log: bool = True
    traces: str = ""  # a file, "-" for stderr
    keep_alive: float = 10.0
    ready_fd: int | None = None


def run(wishes: Wishes) -> int:
    """Serves until a signal ends it; the exit code. Raises HobError for what cannot be started."""
    listening.check_reach(wishes.address, lan=wishes.lan)
    for origin in wishes.origins:
        check_origin(origin)
    folder = places.folder()
    pair = _certificate(wishes, folder)
    traces = _traces(wishes.traces)
    sock, address = listening.listen(wishes.address)
    url = f"{'https' if pair else 'http'}://{address}" if not address.path else str(address)
    with _noted(folder, url, wishes):
        serve = _Serve(wishes, sock, address, url, pair, traces)
        if wishes.unconfined:
            return serve("none (--unconfined)")
        readable = [str(folder), *(pair or ())]
        return confine.run_confined(wishes.door, readable, [sock], serve)


@contextlib.contextmanager
def _noted(folder: Path, url: str, wishes: Wishes) -> Iterator[None]:
    """Tells `hob gateway status` where it is."""
    record = {"pid": os.getpid(), "url": url, "socket": wishes.door, "door": wishes.door_name}
    places.write_record(folder / RUNNING, record)
    try:
        yield
    finally:
        if places.read_record(folder / RUNNING).get("pid") == os.getpid():
            (folder / RUNNING).unlink()
        if url.startswith("unix:"):
            Path(url.removeprefix("unix:")).unlink(missing_ok=True)


def _certificate(wishes: Wishes, folder: Path) -> tuple[str, str] | None:
    if not wishes.lan and not wishes.certificate:
        return None
    if wishes.certificate:
        return wishes.certificate, wishes.key or wishes.certificate
    made = certificate.own(folder, (wishes.address.host, *wishes.hosts))
    _say(f"the gateway made a certificate of its own; its SHA-256 fingerprint is {made.fingerprint}")
    return made.certificate, made.key


def _traces(path: str) -> int | None:
    """Opened now, for behind the walls nothing is."""
    from hob_gateway.journal import open_file

    return None if not path else _STDERR if path == "-" else open_file(path)


class _Serve:
    """The part of `run` that happens behind the walls."""

    def __init__(
        self,
        wishes: Wishes,
        sock: socket.socket,
        address: Address,
        url: str,
        pair: tuple[str, str] | None,
        traces: int | None,
    ) -> None:
        self._wishes = wishes
        self._sock = sock
        self._address = address
        self._url = url
        self._pair = pair
        self._traces = traces

    def __call__(self, confinement: str) -> int:
        # Here and not above: the porter, which is this program before the fork, needs none of it.
        from hob_gateway.app import build
        from hob_gateway.house import House
        from hob_gateway.journal import Journal, recorder
        from hob_gateway.patience import Server, settings
        from hob_gateway.tokens import TokenBook

        house = House(
            socket=self._wishes.door,
            door=self._wishes.door_name,
            url=self._url,
            confinement=confinement,
            keep_alive_seconds=self._wishes.keep_alive,
        )
        book = TokenBook(places.folder() / TOKENS)
        access = Journal(_STDERR) if self._wishes.access_log else None
        traces = Journal(self._traces) if self._traces is not None else None
        record = recorder(access, traces)
        app = build(house, names=self._names(), book=book, rate=self._wishes.rate, record=record)
        pair = self._pair or (None, None)
        server = Server(settings(app, *pair), on_ready=self._told_ready)
        if self._wishes.lan:
            _say(f"whoever reaches {self._url} and has a token can use your models")
        _say(f"gateway at {self._url}, door {self._wishes.door_name or self._wishes.door}, {confinement}")
        if not book.tokens():
            _say("there is no token yet; make one with `hob gateway token add NAME`")
        try:
            asyncio.run(server.serve(sockets=[self._sock]))
        finally:
            for journal in filter(None, (access, traces)):
                journal.close()
        return 0

    def _names(self) -> Names:
        address = self._address
        hosts = LOOPBACK if address.is_loopback else (_written(address.host),)
        scheme = "https" if self._pair else "http"
        return names_of(
            (*hosts, *self._wishes.hosts), address.port, scheme=scheme, named=self._wishes.origins
        )

    def _told_ready(self) -> None:
        if self._wishes.ready_fd is not None:
            with os.fdopen(self._wishes.ready_fd, "w") as told:
                told.write(f"ready {self._url}\n")


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stderr.write(f"hob: {text}\n")
    sys.stderr.flush()


def running() -> dict[str, Any]:
    """What `_noted` wrote, if that process still is there; {} else."""
    record = places.read_record(places.folder() / RUNNING)
    try:
        os.kill(int(record["pid"]), 0)
    except (KeyError, ValueError, OSError):
        return {}
    return record
