"""`hob forget`: drop what is kept of your prompts so that they need not be computed again.

Must never start a daemon: one that does not run keeps nothing. Called by main.py.
"""

from __future__ import annotations

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, record, size


@click.command("forget")
@click.argument("model", default="", shell_complete=complete_model)
@click.option("--domain", help="Only prompts of this cache domain.")
@connection_options
@click.pass_obj
def command(connection: Connection, model: str, domain: str | None) -> None:
    """Drop what is kept of your prompts, of one MODEL or of all."""
    with connection.running() as client:
        forgotten = client.forget(model, cache_domain=domain)
    if connection.as_json:
        print_json(record(forgotten))
    elif forgotten.num_prefixes:
        num = forgotten.num_prefixes
        print_note(f"{num} prefix{'es' * (num > 1)} forgotten, {size(forgotten.freed_bytes)} freed")
    else:
        print_note("nothing was kept")
