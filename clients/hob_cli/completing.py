"""Completes names of models on the command line.

Must never start a daemon, wait long, or say anything: a shell is in the middle of a line.
Used by the options of commands/.
"""

from __future__ import annotations

import click

from hob_cli.connection import Connection

_TIMEOUT_SECONDS = 0.5


def complete_model(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from hob_client.errors import HobError

    connection = context.find_root().obj or Connection()
    try:
        with connection.running(timeout=_TIMEOUT_SECONDS) as client:
            names = [name for model in client.models() for name in (model.name, *model.aliases)]
    except HobError:
        return []
    return [name for name in names if name.startswith(incomplete)]
