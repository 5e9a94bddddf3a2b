"""`hob load`: bring a model into memory before somebody asks.

Must leave residency to the daemon. Called by main.py.
"""

from __future__ import annotations

from contextlib import closing

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.memory import plan_lines, print_devices, print_memory
from hob_cli.options import connection_options
from hob_cli.render import describe_draft, describe_projector, print_json, print_note, record, size
from hob_cli.terminal import visible
from hob_cli.waiting import Waiting


@click.command("load")
@click.argument("model", shell_complete=complete_model)
@click.option("--pin", is_flag=True, help="Keep it in memory until it is stopped.")
@click.option("--dry-run", is_flag=True, help="Only say what it would take, and whether it fits.")
@click.option(
    "--keep-alive", type=click.IntRange(0, 31_536_000), metavar="SECONDS", help="Keep it at least so long."
)
@connection_options
@click.pass_obj
def command(connection: Connection, model: str, pin: bool, dry_run: bool, keep_alive: int | None) -> None:
    """Bring a model into memory. With --json, every step is one JSON object a line."""
    if dry_run:
        _say_what_would_happen(connection, model)
        return
    with connection.client(connection.begin(preload=model)) as client, closing(Waiting()) as waiting:
        for step in client.load(model, pin=pin, keep_alive_seconds=keep_alive):
            if connection.as_json:
                print_json({"event": step.kind, **record(step)})
            elif step.kind == "progress":
                waiting.show(step)
            else:
                waiting.close()
                print_note(f"{step.model} is in memory: {size(step.resident_bytes)}, {step.num_lanes} lanes")
                if step.draft:
                    print_note(describe_draft(step))
                if step.projector_problem:
                    print_note(describe_projector(step))
                if step.shrunk:
                    print_note(f"it got less than is configured, to fit: {step.shrunk}")


def _say_what_would_happen(connection: Connection, model: str) -> None:
    with connection.client(connection.begin()) as client:
        plan = client.plan(model)
    if connection.as_json:
        print_json({"event": plan.kind, **record(plan)})
        return
    print_memory(plan.lines, measured=False)
    print()
    print_devices(plan)
    print()
    for line in plan_lines(model, plan):
        print(visible(line))
