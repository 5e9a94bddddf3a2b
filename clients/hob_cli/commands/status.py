"""`hob status`: how the daemon is.

Must never start a daemon: then it would only speak of itself. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import age, print_json, print_table, record, size
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.states import Door, Status


@click.command("status")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """Show how the daemon is. Does not start one."""
    with connection.running() as client:
        status = client.status()
    if connection.as_json:
        print_json(record(status))
        return
    print_table(("daemon", f"hobd {status.version}, pid {status.pid}"), _rows(status))


def _rows(status: Status) -> list[tuple[str, str]]:
    residents = ", ".join(resident.model for resident in status.residents)
    return [
        ("state", "draining" if status.draining else "serving"),
        ("up", age(status.started_at)),
        *(("door", _door(door)) for door in status.doors),
        ("in memory", residents or "no model"),
        ("requests", f"{status.num_sessions} under way, {status.num_requests_served} served"),
        ("memory", size(status.daemon_resident_bytes)),
        ("pressure", _pressure(status)),
        ("kept", _pool(status)),
        ("confinement", status.confinement or "-"),
        ("tripwire", _tripwire(status)),
        ("engine", status.engine_build or "-"),
        ("configuration", status.config_path or "defaults"),
        ("models in", status.models_dir or "-"),
    ]


def _door(door: Door) -> str:
    return (
        f"{door.name}: {door.path}, mode {door.mode:04o}, owner {door.owner_uid}, "
        f"{door.num_connections} connections, grants {door.grants or 'everything'}"
    )


def _tripwire(status: Status) -> str:
    """What workers tried that the sandbox forbids, and what follows then."""
    if not status.tripwire:
        return "off, since workers have no walls"
    tried = "; ".join(
        f"{trip.model} tried {trip.call} {trip.count}x, last {age(trip.last_at)} ago" for trip in status.trips
    )
    return visible(f"{tried or 'nothing tripped'} (then: {status.tripwire})")


def _pressure(status: Status) -> str:
    """What is given up because the machine is short of memory, and who says whether it is."""
    pressure = status.memory_pressure
    yielded = "" if pressure.yields in ("", "nothing", "unspecified") else f"yields {pressure.yields}, "
    return f"{yielded.replace('_', ' ')}{pressure.num_alarms} alarms, watching {pressure.source or '-'}"


def _pool(status: Status) -> str:
    """What is kept of models that left memory."""
    if not status.pool_limit_bytes:
        return "nothing of models that left memory"
    used = ", ".join(f"{use.model} {size(use.num_bytes)}" for use in status.pool)
    return f"{used or 'nothing'}, at most {size(status.pool_limit_bytes)}"
