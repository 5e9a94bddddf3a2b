"""`hob version`: what is installed here, and what runs.

Must never start a daemon, nor fail because none runs. Called by main.py.
"""

from __future__ import annotations

import click
from hob.version import VERSION
from hob_client.errors import DaemonUnreachable

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json


@click.command("version")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """Show the versions of client and daemon. Does not start a daemon."""
    ours, theirs = VERSION, _daemon_version(connection)
    if connection.as_json:
        print_json({"client": ours, "daemon": theirs})
        return
    print(f"hob {ours}")
    print(f"hobd {theirs}" if theirs else "hobd does not run")


def _daemon_version(connection: Connection) -> str | None:
    try:
        with connection.running(timeout=2) as client:
            return client.status().version
    except DaemonUnreachable:
        return None
