"""`hob import`: takes over models that are on this machine already.

Must dial nothing, and copy only where nothing better goes. Called by main.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from hob_client.errors import HobError, InvalidRequest, ModelNotFound
from hob_client.shelf.names import check_name

from hob_cli import shelving
from hob_cli.connection import Connection
from hob_cli.importing import stores
from hob_cli.importing.found import Found, FoundFile, among
from hob_cli.importing.taking import Taken, take
from hob_cli.options import connection_options
from hob_cli.render import print_error, print_json, print_note, print_table, record, size

_HOW = ("auto", "reflink", "hardlink", "copy", "symlink")


@click.command("import")
@click.argument("names", nargs=-1, metavar="[PATH|NAME]...")
@click.option("--from", "store", type=click.Choice(list(stores.STORES)), help="Models of this program.")
@click.option("--as", "name", default="", metavar="NAME", help="What it is called here, if it is one.")
@click.option("--how", type=click.Choice(_HOW), default="auto", show_default=True, help="How it gets here.")
@connection_options
@click.pass_obj
def command(connection: Connection, names: tuple[str, ...], store: str | None, name: str, how: Any) -> None:
    """Take over models that are on this machine already.

    PATH is a file or a directory; with --from it is a NAME among the models of that program, which are
    listed without one.

    By itself (auto) a file shares its blocks with the one it was (reflink), is the same file under another
    name (hardlink), or is a copy. A symlink breaks when the other program removes its file.
    """
    if not store and not names:
        raise click.UsageError("name a PATH, or another program with --from")
    if store and not names:
        _list(connection, store, stores.models_of(store))
        return
    chosen = [_one(store, each) for each in names] if store else _among(names)
    if name and len(chosen) != 1:
        raise click.UsageError(f"--as names one model, and these are {len(chosen)}")
    _import(connection, chosen, check_name(name) if name else "", how)


def _import(connection: Connection, chosen: Sequence[Found], name: str, how: Any) -> None:
    """One that cannot be taken does not keep the others."""
    with connection.client(connection.begin()) as client:
        models, errors = shelving.models_dir(client), list[HobError]()
        for found in chosen:
            try:
                _say(connection, take(found, name or found.name, models, how, _Teller(connection)))
                shelving.require_admitted(client, name or found.name)
            except HobError as error:
                errors.append(error)
    for told in errors[:-1]:
        print_error(told, as_json=connection.as_json)
    if errors:
        raise errors[-1]


def _among(paths: Sequence[str]) -> list[Found]:
    return [found for path in paths for found in among(Path(path))]


def _one(store: str, name: str) -> Found:
    found = [each for each in stores.models_of(store) if name in (each.name, each.origin)]
    if not found:
        names = sorted({each.name for each in stores.models_of(store)})
        looked = ", ".join(map(str, stores.folders(store, os.environ)))
        hint = f"name {' or '.join(names[:6])}" if names else f"nothing of it is in {looked}"
        raise ModelNotFound(f"{store} has no model {name}; {hint}")
    if len({each.model.resolve() for each in found}) > 1:
        raise InvalidRequest(
            f"{store} has several of the name {name}; name one by its origin: "
            f"{' or '.join(each.origin for each in found)}"
        )
    return found[0]


def _list(connection: Connection, store: str, found: Sequence[Found]) -> None:
    if connection.as_json:
        listed = [
            {"name": each.name, "size_bytes": each.size_bytes, "origin": each.origin, "path": str(each.model)}
            for each in found
        ]
        print_json({"models": listed})
        return
    if not found:
        looked = ", ".join(map(str, stores.folders(store, os.environ)))
        print_note(f"{store} has no models here: nothing is in {looked}")
        return
    print_table(("NAME", "SIZE", "FROM"), [(each.name, size(each.size_bytes), each.origin) for each in found])


def _say(connection: Connection, taken: Taken) -> None:
    if connection.as_json:
        print_json(record(taken))
    else:
        print_note(f"{taken.model} is in place; it {taken.how} {taken.origin}")


class _Teller:
    """Reading a big file takes a while; a line says so, once."""

    def __init__(self, connection: Connection) -> None:
        self._is_quiet = connection.as_json
        self._told: set[Path] = set()

    def __call__(self, file: FoundFile, done: int, total: int) -> None:
        if total > 256 << 20 and file.path not in self._told and not self._is_quiet:
            self._told.add(file.path)
            print_note(f"reading {file.path.name} through, {size(total)}")
