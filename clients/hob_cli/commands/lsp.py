"""`hob lsp`: hands over to the language server's own program.

Must never import it: it is another package, which need not be installed. Called by main.py.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import click
from hob_client.errors import NotSupported

from hob_cli.connection import Connection


@click.command("lsp", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(connection: Connection, arguments: tuple[str, ...]) -> None:
    """Complete and edit in an editor, as a language server."""
    if find_spec("hob_editors") is None or find_spec("pygls") is None:
        raise NotSupported(
            "the language server is not installed; install it with `pip install 'hob[editors]'`"
        )
    before = ["--socket", connection.path()] if connection.socket else []
    before += [] if connection.start else ["--no-start"]
    before += ["--json"] if connection.as_json else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", "-m", "hob_editors.lsp", *before, *arguments])
