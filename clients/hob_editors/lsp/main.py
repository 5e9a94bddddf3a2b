"""The command line of `hob lsp`: the server on stdin and stdout, or a look at whether it could work.

Must write nothing but the protocol to stdout while it serves. Called by __main__.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import click
from hob_client.errors import HobError


@click.command("lsp", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", metavar="PATH", help="The daemon's socket.")
@click.option("--no-start", is_flag=True, help="Never start a daemon.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (with --check).")
@click.option("--stdio", is_flag=True, help="Talk on stdin and stdout; as it always does.")
@click.option("--check", is_flag=True, help="Say which model would be asked, and end.")
@click.option("--model", default="", metavar="NAME", help="With --check: look at this one.")
def lsp(socket: str | None, no_start: bool, as_json: bool, stdio: bool, check: bool, model: str) -> None:
    """Complete and edit in an editor, as a language server.

    An editor starts it; it speaks the Language Server Protocol on stdin and stdout.
    """
    path = os.path.abspath(socket) if socket else None
    if check:
        record = asyncio.run(_look(path, start=not no_start, model=model))
        words = f"{record['state']}: {record['model'] or 'the default model'}: {record['message']}"
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else words)
        sys.exit(0 if record["state"] in ("ready", "no_fim") else 3)
    if sys.stdin.isatty():
        raise click.UsageError("an editor starts this; to see whether it would work, use `hob lsp --check`")
    from hob_editors.lsp.methods import build

    build(path, start=not no_start).start_io()


async def _look(socket: str | None, *, start: bool, model: str) -> dict[str, object]:
    from hob_client.async_client import AsyncClient

    from hob_editors.lsp.daemon import Daemon
    from hob_editors.lsp.state import Standing, State

    class Last:
        standing = Standing(state=State.CONNECTING)

        def stands(self, standing: Standing) -> None:
            self.standing = standing

        def loads(self, fraction: float | None) -> None:
            pass

    told = Last()
    daemon = Daemon(AsyncClient(socket, start=start), told)
    daemon.wish = model
    try:
        await daemon.look()
    except HobError:
        pass  # told
    finally:
        await daemon.close()
    return told.standing.record()


def run(arguments: Sequence[str]) -> int:
    """One command line; its exit code."""
    try:
        lsp.main(args=list(arguments), prog_name="hob lsp", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except click.ClickException as error:
        click.echo(f"hob: {error.format_message().rstrip('.')}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    return 0
