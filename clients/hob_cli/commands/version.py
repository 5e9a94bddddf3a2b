"""`hob version`: what is installed here, and what runs.

Must never start a daemon, nor fail because none runs. Called by main.py.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import click
from hob.version import VERSION
from hob_client.errors import DaemonUnreachable, NotSupported

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json


@click.command("version")
@click.option("--check", is_flag=True, help="Ask whether there is a newer one, if that is turned on.")
@connection_options
@click.pass_obj
def command(connection: Connection, check: bool) -> int | None:
    """Show the versions of client and daemon. Does not start a daemon.

    --check is done by a program of its own, `hob-update-check`, and only if network.update_check is true and
    hob is not offline. It tells the host that fetch.toml names the family of your system and hob's version.
    """
    if check:
        return _check(connection)
    ours, theirs = VERSION, _daemon_version(connection)
    if connection.as_json:
        print_json({"client": ours, "daemon": theirs})
        return None
    print(f"hob {ours}")
    print(f"hobd {theirs}" if theirs else "hobd does not run")
    return None


def _check(connection: Connection) -> int:
    if any(find_spec(name) is None for name in ("hob_fetch", "httpx")):
        raise NotSupported("what asks is not installed; install it with `pip install 'hob[fetch]'`")
    said = ["--socket", connection.path_here(), *(["--json"] if connection.as_json else [])]
    return subprocess.run([sys.executable, "-I", "-m", "hob_fetch.updates", *said], check=False).returncode


def _daemon_version(connection: Connection) -> str | None:
    try:
        with connection.running(timeout=2) as client:
            return client.status().version
    except DaemonUnreachable:
        return None
