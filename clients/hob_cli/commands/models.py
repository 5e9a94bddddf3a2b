"""`hob models`: the catalog; `show`: one of them; `check`, `verify` and `release`: whether a worker may see
it; what changes its files is in tending.py.

Must load nothing; that is load.py's. Called by main.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hob_cli import admission, tending
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


@command.command("list")
@connection_options
@click.pass_obj
def list_models(connection: Connection) -> None:
    """List the models there are."""
    _list(connection)


@command.command("check")
@click.argument("model", default="", shell_complete=complete_model)
@connection_options
@click.pass_obj
def check(connection: Connection, model: str) -> None:
    """Say what speaks against a model's files, without loading it. Exit status 1 if it would be refused."""
    with connection.client(connection.begin()) as client:
        details = client.model(model)
    refused = [file for file in details.admission if file.refusal]
    if connection.as_json:
        print_json({"model": details.model.name, "files": [record(file) for file in details.admission]})
    else:
        print_table(("FILE", "AS", "WHAT", "WHY"), list(admission.check_rows(details)))
    for file in refused:
        print_note(f"{file.file} would be refused: {file.refusal}")
    if refused:
        raise click.exceptions.Exit(1)


@command.command("verify")
@click.argument("model", default="", shell_complete=complete_model)
@click.option("--accept", is_flag=True, help="What the files are now is what they are to be from now on.")
@connection_options
@click.pass_obj
def verify(connection: Connection, model: str, accept: bool) -> None:
    """Read a model's files whole, and compare their digests with what they should be."""
    with connection.client(connection.begin()) as client:
        *_, verified = client.verify(model, accept=accept)
    assert verified.kind == "verified"
    if connection.as_json:
        print_json(record(verified))
        return
    print(verified.sha256)
    print_note("that is what it should be" if verified.recorded else "nothing says yet what it should be")


@command.command("release")
@click.argument("model", shell_complete=complete_model)
@connection_options
@click.pass_obj
def release(connection: Connection, model: str) -> None:
    """Let a model out of quarantine."""
    with connection.client(connection.begin()) as client:
        released = client.release(model)
    if connection.as_json:
        print_json({"model": model, "reasons": released.reasons})
        return
    for reason in released.reasons or ("it was not in quarantine",):
        print_note(f"{model} may be loaded: {reason}")


for _command in tending.COMMANDS:
    command.add_command(_command)


def _facts(details: ModelDetails) -> Iterator[tuple[str, str]]:
    model = details.model
    yield from ((fact.key, fact.value) for fact in details.facts)
    yield "file", size(model.file_bytes)
    yield from admission.facts(details)
    yield "state", admission.state(model)
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
    aliases, adapters = ", ".join(model.aliases), ", ".join(adapter.name for adapter in model.adapters)
    return (
        model.name,
        size(model.file_bytes),
        admission.state(model),
        aliases or "-",
        adapters or "-",
        model.projector or "-",
        model.license or "-",
    )
