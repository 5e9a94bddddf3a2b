"""`hob pin`: keep a model from being evicted.

Must load nothing and stop nothing. Called by main.py.
"""

from __future__ import annotations

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note


@click.command("pin")
@click.argument("model", shell_complete=complete_model)
@connection_options
@click.pass_obj
def command(connection: Connection, model: str) -> None:
    """Keep a model from being evicted. Does not load it."""
    with connection.running() as client:
        client.pin(model, True)
    if connection.as_json:
        print_json({"model": model, "pinned": True})
    else:
        print_note(f"{model} is pinned")
