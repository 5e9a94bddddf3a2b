"""`hob doctor`: what is wrong here, and what mends it.

Must never start a daemon nor change anything: it says what to do. Called by main.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hob.version import VERSION
from hob_client import launch
from hob_client.errors import HobError

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.doctor import evidence
from hob_cli.doctor.evidence import Evidence
from hob_cli.doctor.findings import Finding, judge
from hob_cli.options import connection_options
from hob_cli.render import print_json, record
from hob_cli.service import installation, systemd
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_cli.service.state import ServiceState


@click.command("doctor")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """Look for what is wrong, and say what mends it. Exit status 11 if something is.

    Changes nothing and starts no daemon.
    """
    found = judge(gather(connection))
    if connection.as_json:
        print_json({"findings": [record(finding) for finding in found]})
    else:
        for finding in found:
            _print(finding)
        if not any(finding.is_wrong for finding in found):
            print("nothing is wrong")
    if any(finding.is_wrong for finding in found):
        click.get_current_context().exit(exits.FAILED)


def _print(finding: Finding) -> None:
    print(visible(f"{'WRONG' if finding.is_wrong else 'note '}  {finding.what}"))
    print(visible(f"       {finding.fix}"))


def gather(connection: Connection) -> Evidence:
    door = Path(connection.path_here())
    facts: dict[str, Any] = {
        **evidence.of_machine(),
        **evidence.of_engine(),
        **evidence.of_models(),
        **_of_daemon(connection, str(door)),
        **_of_service(),
    }
    return Evidence(
        door=evidence.place(door),
        door_folder=evidence.place(door.parent),
        client_version=VERSION,
        **facts,
    )


def _of_daemon(connection: Connection, door: str) -> dict[str, object]:
    try:
        if not launch.is_listening(door):
            return {"answers": False}
        with connection.running(timeout=5) as client:
            status = client.status()
    except HobError:
        return {"answers": True}  # somebody is there, and that is all we know
    return {"answers": True, "daemon_version": status.version, "confinement": status.confinement}


def _of_service() -> dict[str, object]:
    if sys.platform != "linux" or (known := systemd.installed_version()) is None:
        return {}
    try:
        state: ServiceState = systemd.Systemd(installation.find(), version=known).state()
    except HobError:
        return {}
    return {
        "has_service": state.is_installed,
        "service_state": state.state,
        "service_runs": state.is_running,
        "num_restarts": state.num_restarts,
    }
