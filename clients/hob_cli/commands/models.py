"""`hob models`: the catalog.

Must stay a listing; loading is load.py's. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_table, record, size

if TYPE_CHECKING:
    from hob_client.values import Model


@click.command("models")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """List the models there are."""
    with connection.client(connection.begin()) as client:
        models = client.models()
    if connection.as_json:
        print_json({"models": [record(model) for model in models]})
        return
    columns = ("MODEL", "SIZE", "STATE", "ALIASES", "ADAPTERS", "PROJECTOR", "LICENSE")
    print_table(columns, [_row(model) for model in models])


def _row(model: Model) -> tuple[str, ...]:
    state = model.residency + (" (pinned)" if model.pinned else "")
    aliases, adapters = ", ".join(model.aliases), ", ".join(adapter.name for adapter in model.adapters)
    return (
        model.name,
        size(model.file_bytes),
        state,
        aliases or "-",
        adapters or "-",
        model.projector or "-",
        model.license or "-",
    )
