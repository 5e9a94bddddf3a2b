"""`hob privacy`: where what you say is kept, and for how long.

Must tell of the daemon what the daemon tells, and add what only the user's side knows. Never starts a daemon.
Called by main.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, record
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.states import DataPlace


@click.command("privacy")
@connection_options
@click.pass_obj
def command(connection: Connection) -> None:
    """List where what you say is kept, as the daemon is configured now. Does not start one."""
    with connection.running() as client:
        told = client.privacy()
    places = [*told.places, *_of_client()]
    if connection.as_json:
        print_json({"places": [record(place) for place in places]})
        return
    for place in places:
        _show(place)
    _conclude(places)


def _of_client() -> list[DataPlace]:
    """What the daemon cannot know."""
    from hob_client.agent.journal import journal_path
    from hob_client.states import DataPlace

    history = os.environ.get("HISTFILE") or "the history of your shell"
    return [
        DataPlace(
            data="shell_history",
            place=f"{history}: prompts written as arguments of `hob run`; pipe them in to avoid it",
            lasts="as your shell keeps it",
            is_on_disk=True,
            has_text=True,
            setting="",
        ),
        DataPlace(
            data="saved_conversations",
            place="only where `hob chat --save PATH` puts them; encrypted unless --plain",
            lasts="until you delete them",
            is_on_disk=True,
            has_text=False,
            setting="",
        ),
        DataPlace(
            data="tool_calls",
            place=f"{journal_path()}: which tools models used, what was decided, sizes; no text",
            lasts="until a newer megabyte replaces it, or you delete it",
            is_on_disk=True,
            has_text=False,
            setting="",
        ),
    ]


def _show(place: DataPlace) -> None:
    disk = "ON DISK, IN PLAIN" if place.is_on_disk and place.has_text else "on disk" * place.is_on_disk
    print(visible(f"{place.data}  {disk}".rstrip()))
    for name, told in (("where", place.place), ("until", place.lasts), ("set by", place.setting)):
        if told not in ("", "-"):
            print(visible(f"  {name:<6}  {told}"))


def _conclude(places: list[DataPlace]) -> None:
    plain = [place.data for place in places if place.is_on_disk and place.has_text]
    told = ", ".join(plain) or "nothing"
    print(f"\ntext of prompts or answers may lie on a disk in plain by: {told}")
