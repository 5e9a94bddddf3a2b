"""`hob link`: names for daemons on other machines, and links to them that stay up.

Must never hold a password, nor open a port: ssh is the user's own. Called by main.py.
"""

from __future__ import annotations

import dataclasses
import sys

import click
from hob_client import launch
from hob_client.remote import links, starting
from hob_client.remote.host import SCHEME
from hob_client.remote.reach import Here
from hob_client.remote.tunnel import greets

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table, record
from hob_cli.terminal import visible


@click.group("link")
def command() -> None:
    """Keep daemons on other machines within reach, through your own ssh.

    No port is opened on either side. `hob link up BOX` makes a socket here that leads to hobd there, and
    keeps it: `hob --host BOX run ...`, or HOB_SOCKET=$(hob link path BOX) for any other client.
    """


@command.command("add")
@click.argument("name")
@click.argument("url", metavar="[HOST]", required=False)
@connection_options
@click.pass_obj
def add(connection: Connection, name: str, url: str | None) -> None:
    """Name a machine. HOST is ssh://[USER@]BOX[:PORT][/SOCKET]; unsaid, what ssh calls NAME."""
    url = url or f"{SCHEME}{name}"
    added = links.add(name, url if url.startswith(SCHEME) else f"{SCHEME}{url}")
    _print(connection, {"name": name, "host": str(added)}, f"{name} is {added}; `hob link up {name}`")


@command.command("remove")
@click.argument("name")
@connection_options
@click.pass_obj
def remove(connection: Connection, name: str) -> None:
    """Forget a name, and take its link down."""
    links.host_of(name)
    starting.stop(name)
    links.remove(name)
    _print(connection, {"name": name, "removed": True}, f"{name} is forgotten")


@command.command("up")
@click.argument("name")
@connection_options
@click.pass_obj
def up(connection: Connection, name: str) -> None:
    """Bring a link up, and keep it up until it is taken down. ssh must log in without asking."""
    link = starting.start(name)
    _print(connection, _with_path(link), f"{name} is {link.state}: {links.path_of(name)}")


@command.command("down")
@click.argument("name")
@connection_options
@click.pass_obj
def down(connection: Connection, name: str) -> None:
    """Take a link down."""
    links.host_of(name)
    was_up = starting.stop(name)
    _print(connection, {"name": name, "was_up": was_up}, f"{name} is down")


@command.command("list")
@connection_options
@click.pass_obj
def show_all(connection: Connection) -> None:
    """List the names, and how their links are."""
    found = links.all_links()
    if connection.as_json:
        print_json({"links": [_with_path(link) for link in found]})
    elif found:
        rows = [(link.name, link.state, link.host, link.problem or "-") for link in found]
        print_table(("NAME", "STATE", "HOST", "LAST PROBLEM"), rows)
    else:
        print_note("there are no links; `hob link add BOX ssh://you@box` makes one")


@command.command("status")
@click.argument("name")
@connection_options
@click.pass_obj
def status(connection: Connection, name: str) -> None:
    """Say how a link is, and whether a daemon answers at its end. Exit status 11 if none does."""
    link = links.look(name)
    answers = link.state == "up" and greets(links.path_of(name))
    if connection.as_json:
        print_json({**_with_path(link), "answers": answers})
    else:
        for label, value in (*dataclasses.asdict(link).items(), ("answers", "yes" if answers else "no")):
            print(visible(f"{label:<14}{'-' if value in (None, '') else value}"))
    if not answers:
        click.get_current_context().exit(exits.FAILED)


@command.command("path")
@click.argument("name")
@connection_options
@click.pass_obj
def path(connection: Connection, name: str) -> None:
    """Print the link's socket, for HOB_SOCKET and --socket. It is the same whether the link is up or not."""
    links.host_of(name)
    _print(connection, {"name": name, "socket": links.path_of(name)}, links.path_of(name))


@command.command("here", hidden=True)
@connection_options
@click.pass_obj
def here(connection: Connection) -> None:
    """Print where this machine's door is, for a hob elsewhere that asks through ssh."""
    door = Here(connection.socket).path
    if connection.start:
        launch.ensure(door, start=True)
    sys.stdout.write(f"hob-door {door}\n")


def _with_path(link: links.Link) -> dict[str, object]:
    return {**record(link), "socket": links.path_of(link.name)}


def _print(connection: Connection, values: dict[str, object], words: str) -> None:
    if connection.as_json:
        print_json(values)
    else:
        print(visible(words))
