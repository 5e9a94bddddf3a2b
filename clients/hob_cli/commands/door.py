"""`hob door`: who may ask what, through which socket.

Must decide nothing: the daemon says what a door may grant, and what it would refuse. Called by main.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hob_cli import exits
from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table, record
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.doors import OpenDoor

_OPERATIONS = click.Choice(["infer", "observe", "manage"])
_CLASSES = click.Choice(["interactive", "normal", "batch"])


def _mode(context: click.Context, parameter: click.Parameter, value: str | None) -> int:
    """As `chmod` takes it."""
    try:
        return int(value or "0", 8)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no mode; write 0600, 0660 or 0666") from None


@click.group("door")
def command() -> None:
    """Open doors for other programs and users, with what each may do there."""


@command.command()
@click.argument("name")
@click.option(
    "--models", multiple=True, metavar="NAME", help="A model, or a pattern; repeatable. Default: all."
)
@click.option("--allow", "operations", multiple=True, type=_OPERATIONS, help="Repeatable. Default: infer.")
@click.option("--infer-only", is_flag=True, help="The same as --allow infer.")
@click.option("--path", default="", help="Of the socket. Default: in a directory of its own.")
@click.option("--mode", callback=_mode, help="0600 (default), 0660 or 0666.")
@click.option("--group", default="", help="That a socket of mode 0660 belongs to.")
@click.option("--user", "users", multiple=True, help='Admit this user or uid; "*": whoever the mode lets in.')
@click.option("--best-class", type=_CLASSES, help="Better ones are lowered to it.")
@click.option("--max-concurrent", type=int, default=0, help="Answers under way, for each user.")
@click.option("--tokens-per-minute", type=int, default=0, help="Of prompts and answers, for each user.")
@click.option("--max-context-tokens", type=int, default=0, help="Prompt and answer together.")
@click.option("--max-tokens", type=int, default=0, help="Of an answer.")
@click.option("--system-prompt", default="", help="Goes before every conversation.")
@click.option("--schema-only", is_flag=True, help="Answer by JSON schemas alone.")
@click.option("--incognito", is_flag=True, help="Neither read nor fill any cache.")
@click.option("--no-raw-prompts", is_flag=True, help="Chats only.")
@connection_options
@click.pass_obj
def add(connection: Connection, /, name: str, infer_only: bool, **said: Any) -> None:
    """Open a door, now and whenever the daemon runs."""
    from hob_client.doors import DoorSettings, DoorTerms

    if infer_only and set(said["operations"]) - {"infer"}:
        raise click.UsageError("--infer-only and --allow contradict each other; leave one out")
    said["best_class"] = said["best_class"] or ""
    place = {key: said.pop(key) for key in ("path", "mode", "group", "users")}
    with connection.client(connection.begin()) as client:
        added = client.doors.add(DoorSettings(name=name, **place, terms=DoorTerms(**said)))
    if connection.as_json:
        print_json(record(added))
        return
    print_note(f"door {name} is open at {added.door.door.path}, and grants {added.door.door.grants}")
    if added.door.note:
        print_note(added.door.note)
    print_note(f"its terms are in {added.file}")


@command.command("list")
@connection_options
@click.pass_obj
def list_(connection: Connection) -> None:
    """List the doors that are open."""
    with connection.running() as client:
        doors = client.doors.list()
    if connection.as_json:
        print_json({"doors": [record(door) for door in doors]})
        return
    rows = [
        (each.door.name, f"{each.door.mode:04o}", _who(each), each.door.path, each.door.grants)
        for each in doors
    ]
    print_table(("DOOR", "MODE", "ADMITS", "SOCKET", "GRANTS"), rows)


@command.command()
@click.argument("name")
@connection_options
@click.pass_obj
def show(connection: Connection, name: str) -> None:
    """Show one door with all its terms."""
    door = _find(connection, name)
    if connection.as_json:
        print_json(record(door))
        return
    rows = [
        ("socket", door.door.path),
        ("mode", f"{door.door.mode:04o}" + (f", group {door.door.group}" if door.door.group else "")),
        ("admits", _who(door)),
        ("grants", door.door.grants),
        *((f"grants {own.user}", own.grants) for own in door.user_terms),
        ("connections", str(door.door.num_connections)),
        ("said in", door.door.source or "-"),
    ]
    if door.settings.terms.system_prompt:
        rows.append(("system prompt", visible(door.settings.terms.system_prompt)))
    print_table((name, ""), rows)
    if door.note:
        print_note(door.note)


@command.command()
@click.argument("name")
@connection_options
@click.pass_obj
def remove(connection: Connection, name: str) -> None:
    """Close a door that `hob door add` opened, and end its connections."""
    with connection.running() as client:
        removed = client.doors.remove(name)
    if connection.as_json:
        print_json(record(removed))
        return
    ended = removed.num_connections
    print_note(f"door {name} is closed" + (f"; {ended} connection{'s' * (ended > 1)} ended" if ended else ""))


@command.command()
@click.argument("name")
@click.option("--operation", type=_OPERATIONS, default="infer", show_default=True)
@click.option("--rpc", default="", help="One call of the contract, such as Embed.")
@click.option("-m", "--model", default="", shell_complete=complete_model)
@click.option("--as-uid", "uid", type=click.IntRange(0, 2**32 - 1), help="As this user. Default: you.")
@click.option("--priority", "priority_class", type=_CLASSES)
@click.option("--max-tokens", type=click.IntRange(1, 2**32 - 1))
@click.option("--raw", is_flag=True, help="Raw text instead of a conversation.")
@click.option("--system-message", is_flag=True, help="With a system message.")
@click.option("--json-schema", is_flag=True, help="With a JSON schema for the answer.")
@connection_options
@click.pass_obj
def test(connection: Connection, /, name: str, **trial: Any) -> None:
    """Say whether a door would let a request through, and why not. Asks no model. Exit status 9 if not."""
    said: Any = {key: value for key, value in trial.items() if value is not None}
    with connection.running() as client:
        verdict = client.doors.test(name, **said)
    if connection.as_json:
        print_json(record(verdict))
    elif verdict.allowed:
        print("allowed" + (f", with {verdict.reason}" if verdict.reason else ""))
    else:
        print(f"refused by {verdict.rule}: {visible(verdict.reason)}")
    if not verdict.allowed:
        click.get_current_context().exit(exits.NOT_PERMITTED)


@command.command()
@connection_options
@click.pass_obj
def reload(connection: Connection) -> None:
    """Have the daemon read its configuration again, doors included."""
    with connection.running() as client:
        reloaded = client.doors.reload()
    if connection.as_json:
        print_json(record(reloaded))
    else:
        for what in ("doors_opened", "doors_closed", "doors_changed", "changed", "needs_restart"):
            if names := getattr(reloaded, what):
                print_note(f"{what.replace('_', ' ')}: {', '.join(names)}")
        for problem in reloaded.problems:
            print_note(problem)
    if reloaded.problems:
        click.get_current_context().exit(exits.FAILED)


def _find(connection: Connection, name: str) -> OpenDoor:
    from hob_client.errors import InvalidRequest

    with connection.running() as client:
        doors = client.doors.list()
    found = next((each for each in doors if each.door.name == name), None)
    if found is None:
        there = ", ".join(each.door.name for each in doors)
        raise InvalidRequest(f"there is no door {name}; there are {there}")
    return found


def _who(door: OpenDoor) -> str:
    return ", ".join(("owner", *("anybody" if user == "*" else user for user in door.door.users)))
