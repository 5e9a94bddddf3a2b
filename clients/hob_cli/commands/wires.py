"""`hob wires`: what could touch a network, and what of it there is.

Must never start a daemon, nor look for anything itself but what the daemon tells. Called by main.py.
"""

from __future__ import annotations

import click

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_table, record


@click.command("wires")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """List what could touch a network. Does not start a daemon."""
    with connection.running() as client:
        told = client.wires()
    if connection.as_json:
        print_json(record(told))
        return
    rows = [(wire.name, wire.state, wire.reaches, wire.evidence) for wire in told.wires]
    print_table(("WHAT", "STATE", "MAY REACH", "EVIDENCE"), rows)
    word = "offline: no program of hob's uses a network" if told.offline else "not offline"
    print(f"\n{word} (network.offline, {told.offline_decided_by})")
