"""`hob gateway`: hands over to the gateway's own program.

Must never import it: it is another package, which need not be installed. Called by main.py.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import NoReturn

import click
from hob_client.errors import NotSupported

from hob_cli.connection import Connection


@click.command("gateway", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(connection: Connection, arguments: tuple[str, ...]) -> None:
    """Serve OpenAI's, Anthropic's and Ollama's HTTP on this machine."""
    hand_over(connection, arguments or ("--help",))


def hand_over(connection: Connection, arguments: tuple[str, ...]) -> NoReturn:
    """Puts the gateway's program in the place of this one."""
    if find_spec("hob_gateway") is None or find_spec("starlette") is None:
        raise NotSupported("the gateway is not installed; install it with `pip install 'hob[gateway]'`")
    connection.require_here()
    # A later --socket wins.
    before = ["--socket", connection.path_here()] if connection.socket else []
    before += [] if connection.start else ["--no-start"]
    before += ["--json"] if connection.as_json else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", "-m", "hob_gateway", *before, *arguments])
