"""`hob models`: the catalog; `hob models show NAME`: one of them, and what loading it would take.

Must load nothing; that is load.py's. Called by main.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.memory import plan_lines, print_memory
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table, record, size
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.models import Model, ModelDetails


@click.group("models", invoke_without_command=True)
@connection_options
@click.pass_context
def command(context: click.Context) -> None:
    """List the models there are."""
    if context.invoked_subcommand is None:
        _list(context.ensure_object(Connection))


@command.command("show")
@click.argument("model", default="", shell_complete=complete_model)
@connection_options
@click.pass_obj
def show(connection: Connection, model: str) -> None:
    """Show what a model's file says, and what loading it would take. Default: the daemon's."""
    with connection.client(connection.begin()) as client:
        details = client.model(model)
    if connection.as_json:
        print_json(record(details))
        return
    print_table((details.model.name, ""), list(_facts(details)))
    if details.problem:
        print_note(details.problem)
    if details.plan is not None:
        print()
        print_memory(details.estimate, measured=False)
        print()
        for line in plan_lines(details.model.name, details.plan):
            print(visible(line))


def _facts(details: ModelDetails) -> Iterator[tuple[str, str]]:
    model = details.model
    yield from ((fact.key, fact.value) for fact in details.facts)
    yield "file", size(model.file_bytes)
    yield "digest", model.sha256 or "never recorded"
    yield "state", model.residency + (" (pinned)" if model.pinned else "")
    yield "draft", model.draft or "-"
    for adapter in model.adapters:
        yield f"adapter {adapter.name}", adapter.problem or size(adapter.file_bytes)
    if model.template_overridden:
        yield "template", "replaced by the file beside it"


def _list(connection: Connection) -> None:
    with connection.client(connection.begin()) as client:
        models = client.models()
    if connection.as_json:
        print_json({"models": [record(model) for model in models]})
        return
    columns = ("MODEL", "SIZE", "STATE", "ALIASES", "ADAPTERS", "PROJECTOR", "LICENSE")
    print_table(columns, [_row(model) for model in models])


def _row(model: Model) -> tuple[str, ...]:
    state = model.residency + (" (pinned)" if model.pinned else "")
    aliases, adapters = ", ".join(model.aliases), ", ".join(adapter.name for adapter in model.adapters)
    return (
        model.name,
        size(model.file_bytes),
        state,
        aliases or "-",
        adapters or "-",
        model.projector or "-",
        model.license or "-",
    )
