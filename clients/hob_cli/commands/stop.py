"""`hob stop`: take models out of memory, or end the daemon.

Must never start a daemon. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, record, size

if TYPE_CHECKING:
    from hob_client.client import Client


@click.command("stop")
@click.argument("model", default="", shell_complete=complete_model)
@click.option("--all", "everything", is_flag=True, help="Every model.")
@click.option("--daemon", is_flag=True, help="Finish what is under way, then end the daemon.")
@click.option("--force", is_flag=True, help="End the model's requests instead of waiting for them.")
@connection_options
@click.pass_obj
def command(connection: Connection, model: str, everything: bool, daemon: bool, force: bool) -> None:
    """Take models out of memory, or end the daemon."""
    if sum((bool(model), everything, daemon)) != 1:
        raise click.UsageError("name a MODEL, or --all, or --daemon; exactly one of them")
    with connection.running() as client:
        if daemon:
            _drain(connection, client)
            return
        for name in _all_models(client) if everything else [model]:
            _unload(connection, client, name, force)


def _all_models(client: Client) -> list[str]:
    """Those in memory, and those that are about to be."""
    status = client.status()
    names = [resident.model for resident in status.residents] + list(status.loading_models)
    return list(dict.fromkeys(names))


def _unload(connection: Connection, client: Client, name: str, force: bool) -> None:
    unloaded = client.unload(name, force=force)
    if connection.as_json:
        print_json({"model": name, **record(unloaded)})
    elif unloaded.was_resident:
        print_note(f"{name} is out of memory: {size(unloaded.freed_bytes)} freed")
    else:
        print_note(f"{name} was not in memory")


def _drain(connection: Connection, client: Client) -> None:
    drained = client.drain()
    if connection.as_json:
        print_json(record(drained))
    else:
        print_note(f"the daemon ends: {drained.num_finished} requests finished, {drained.num_ended} cut off")
