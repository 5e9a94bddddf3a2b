"""`hob acp`: hands over to the agent that editors start.

Must never import it: it is another package, which need not be installed. Called by main.py.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click
from hob_client.errors import NotSupported

from hob_cli.connection import Connection


@click.command("acp", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(connection: Connection, arguments: tuple[str, ...]) -> None:
    """Be the agent of an editor, over its pipes (Agent Client Protocol)."""
    if any(find_spec(name) is None for name in ("hob_editors", "acp", "pathspec")):
        raise NotSupported("the agent is not installed; install it with `pip install 'hob[editors]'`")
    before = ["--socket", connection.path()] if connection.socket else []
    before += [] if connection.start else ["--no-start"]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", "-m", "hob_editors.acp", *before, *arguments])
