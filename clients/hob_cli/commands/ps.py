"""`hob ps`: the models in memory.

Must never start a daemon: without one there is nothing to show. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hob_cli.connection import Connection
from hob_cli.memory import print_memory
from hob_cli.options import connection_options
from hob_cli.render import (
    age,
    ahead,
    describe_draft,
    describe_projector,
    print_json,
    print_table,
    record,
    size,
)
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.models import Resident
    from hob_client.states import Memory, Status

_HEADER = (
    "MODEL",
    "STATE",
    "LANES",
    "QUEUED",
    "CELLS",
    "REUSED",
    "MEMORY",
    "THREADS",
    "IDLE",
    "UNTIL",
    "CAN",
    "NOTE",
    "SANDBOX",
)


@click.command("ps")
@click.option(
    "--memory", is_flag=True, help="What each takes of memory, for what, as estimated and measured."
)
@connection_options
@click.pass_obj
def command(connection: Connection, memory: bool) -> None:
    """Show the models in memory. Does not start a daemon."""
    with connection.running() as client:
        status = client.status()
    if connection.as_json:
        print_json(record(status))
        return
    if memory:
        _print_memory(status)
        return
    print_table(_HEADER, [_row(resident) for resident in status.residents])
    for row in status.waiting:
        print(visible(f"{row.num_requests} waiting for room for {row.model}, for {age(row.since)}"))
    print(visible(_daemon_line(status)))


def _print_memory(status: Status) -> None:
    for resident in status.residents:
        counted = size(resident.resident_bytes)
        print(f"{resident.model}, pid {resident.worker_pid}: {counted} as the system counts")
        print_memory(resident.memory, measured=True)
        print()
    print(_daemon_line(status))


def _row(resident: Resident) -> tuple[str, ...]:
    return (
        resident.model,
        resident.residency,
        f"{resident.num_running}/{resident.num_lanes}",
        str(resident.num_queued),
        f"{resident.used_cells}/{resident.total_cells}",
        _reused(resident),
        size(resident.resident_bytes),
        _threads(resident),
        age(resident.idle_since),
        _until(resident),
        ", ".join(resident.abilities) or "-",
        _note(resident),
        resident.sandbox or "-",
    )


def _until(resident: Resident) -> str:
    """When it goes by itself."""
    if resident.pinned:
        return "pinned"
    if resident.leaves_for:
        return f"{resident.leaves_for} needs it"
    if resident.leaves_at is not None:
        return ahead(resident.leaves_at)
    return "in use" if resident.num_leases else "stays"


def _reused(resident: Resident) -> str:
    """How much of all prompts the prefix cache had."""
    if not resident.num_prompt_tokens:
        return "-"
    return f"{resident.num_cached_tokens / resident.num_prompt_tokens:.0%}"


def _threads(resident: Resident) -> str:
    """Those that compute, and of how many if the others stand back."""
    computing = resident.num_threads_computing
    return f"{computing}/{resident.num_threads}" if computing else str(resident.num_threads)


def _note(resident: Resident) -> str:
    restarts = f"{resident.num_restarts} restarts" if resident.num_restarts else ""
    template = "template overridden" if resident.template_overridden else ""
    tripped = f"tripped the sandbox: {resident.trips}" if resident.num_trips else ""
    notes = (
        tripped,
        resident.degraded,
        resident.shrunk,
        describe_draft(resident),
        describe_projector(resident),
        restarts,
        template,
    )
    return "; ".join(part for part in notes if part) or "-"


def _daemon_line(status: Status) -> str:
    draining = ", draining" if status.draining else ""
    memory = "".join(f", {_describe_memory(memory)}" for memory in status.memory)
    return (
        f"hobd {status.version}, pid {status.pid}, up {age(status.started_at)}, "
        f"{size(status.daemon_resident_bytes)}, {status.num_sessions} requests under way{draining}{memory}"
    )


def _describe_memory(memory: Memory) -> str:
    taken = f"models have {size(memory.budget_bytes - memory.free_bytes)} of {size(memory.budget_bytes)}"
    return f"{taken} {memory.device}" + (" (overdrawn)" if memory.free_bytes < 0 else "")
