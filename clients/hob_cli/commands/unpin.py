"""`hob unpin`: let a pinned model go again.

Must load nothing and stop nothing. Called by main.py.
"""

from __future__ import annotations

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note


@click.command("unpin")
@click.argument("model", shell_complete=complete_model)
@connection_options
@click.pass_obj
def command(connection: Connection, model: str) -> None:
    """Let a pinned model go again. Does not stop it."""
    with connection.running() as client:
        client.pin(model, False)
    if connection.as_json:
        print_json({"model": model, "pinned": False})
    else:
        print_note(f"{model} is not pinned any more")
