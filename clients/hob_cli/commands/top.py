"""`hob top`: what the daemon does, live.

Must never start a daemon, nor ask one more often than it was told to. Called by main.py.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from hob_client.errors import DaemonUnreachable, HobError

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, record

if TYPE_CHECKING:
    from hob_client.client import Client
    from hob_client.states import Happening, Status

    from hob_cli.top.rates import Rates

_NUM_EVENTS = 8


@click.command("top")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("-n", "--count", type=click.IntRange(1), help="End after so many looks.")
@connection_options
@click.pass_obj
def command(connection: Connection, every: float, count: int | None) -> None:
    """Watch models, memory and speed, live. Does not start a daemon. Into a file or pipe: one look.

    With --json a line for each look.
    """
    with connection.running() as client:
        if connection.as_json:
            _print_lines(client, every, count)
        elif sys.stdout.isatty():
            _draw(client, every, count)
        else:
            _print_once(client, every)


def _print_lines(client: Client, every: float, count: int | None) -> None:
    look = _Look(client)
    for number in range(count or sys.maxsize):
        if number:
            time.sleep(every)
        status = look.take()
        print_json(record(status) | {"rates": {m: asdict(rate) for m, rate in look.rates.by_model.items()}})


def _print_once(client: Client, every: float) -> None:
    from rich.console import Console

    from hob_cli.top.view import models

    look = _Look(client)
    look.take()
    time.sleep(every)
    Console(width=120).print(models(look.take(), look.rates))


def _draw(client: Client, every: float, count: int | None) -> None:
    from rich.live import Live

    from hob_cli.top.keys import pressed
    from hob_cli.top.view import screen

    look, events = _Look(client), _Events(client)
    with pressed() as key, Live(screen=True, auto_refresh=False) as live:
        for _ in range(count or sys.maxsize):
            status, problem = look.try_take()
            live.update(screen(status, look.rates, events.last, problem), refresh=True)
            if key(every) in ("q", "Q", "\x04", "\x1b"):
                break


class _Look:
    """The daemon's status, and the speeds between two of them."""

    def __init__(self, client: Client) -> None:
        from hob_cli.top.rates import Rates

        self.rates: Rates = Rates()
        self._client = client
        self._last: Status | None = None

    def take(self) -> Status:
        self._last = status = self._client.status()
        self.rates.note(status, time.monotonic())
        return status

    def try_take(self) -> tuple[Status | None, str]:
        """The last one and what is wrong, while the daemon is away; it may come back."""
        try:
            return self.take(), ""
        except DaemonUnreachable:
            return self._last, "the daemon is gone; this goes on when it is back"


class _Events:
    """The last events, fetched on a thread that ends with the program."""

    def __init__(self, client: Client) -> None:
        self.last: deque[Happening] = deque(maxlen=_NUM_EVENTS)
        threading.Thread(target=self._follow, args=(client,), name="events", daemon=True).start()

    def _follow(self, client: Client) -> None:
        try:
            for event in client.watch():
                self.last.append(event)
        except HobError:
            return  # the looks say that the daemon is gone
