"""`hob events`: what happens in the daemon, line by line, until it ends or Ctrl-C.

Must never start a daemon, nor show text of a request: there is none in what it gets. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, record, size
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.states import Happening


@click.command("events")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """Follow what happens in the daemon: loads, evictions, waits, deaths. Does not start one.

    With --json, every event is one JSON object a line.
    """
    with connection.running() as client:
        for happening in client.watch():
            if connection.as_json:
                print_json(record(happening))
            else:
                click.echo(visible(_line(happening)))


def _line(happening: Happening) -> str:
    at = f"{happening.at:%H:%M:%S}" if happening.at else "--:--:--"
    what = happening.kind.replace("_", " ")
    return "  ".join(part for part in (at, what.ljust(16), happening.model, _details(happening)) if part)


def _details(happening: Happening) -> str:
    parts = (
        happening.request_id,
        f"for {happening.beneficiary}" if happening.beneficiary else happening.reason,
        size(happening.num_bytes) if happening.num_bytes else "",
        happening.message,
    )
    return ", ".join(part for part in parts if part)
