"""`hob connect`: how a tool is told to use the gateway.

Must do no more than `hob gateway connect`. Called by main.py.
"""

from __future__ import annotations

import click

from hob_cli.commands.gateway import hand_over
from hob_cli.connection import Connection


@click.command("connect", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(connection: Connection, arguments: tuple[str, ...]) -> None:
    """Print what makes a tool use the gateway."""
    hand_over(connection, ("connect", *arguments))
