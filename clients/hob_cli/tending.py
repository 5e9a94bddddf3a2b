"""`hob models alias`, `rm`, `gc` and `usage`: what is done to the models directory.

Must ask before it removes, and never remove a model that is in memory unasked. Attached to `hob models` by
commands/models.py.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hob_client.errors import Busy, InvalidRequest, ModelNotFound, NotPermitted
from hob_client.shelf import placing, sidecar, tidying

from hob_cli import shelving
from hob_cli.completing import complete_model
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table, size

if TYPE_CHECKING:
    from hob_client.client import Client

_MAX_SIDECAR_BYTES = 64 << 10


@click.command("alias")
@click.argument("model", shell_complete=complete_model)
@click.argument("aliases", nargs=-1, metavar="ALIAS...")
@click.option("--remove", is_flag=True, help="Take these away. Default: add them.")
@connection_options
@click.pass_obj
def alias(connection: Connection, model: str, aliases: tuple[str, ...], remove: bool) -> None:
    """Give a model other names, or take them away; without any, print them."""
    with connection.client(connection.begin()) as client:
        path = _path(client, model).with_suffix(".toml")
        text = _read(path)
        had = sidecar.read_aliases(text)
        have = tuple(each for each in had if each not in aliases) if remove else (*had, *aliases)
        have = tuple(dict.fromkeys(have))
        if not remove:
            _require_unused(client, model, [each for each in aliases if each not in had])
        if have != had:
            _write(path, sidecar.with_aliases(text, have))
    if connection.as_json:
        print_json({"model": path.stem, "aliases": list(have)})
    else:
        print("\n".join(have) if have else f"{path.stem} has no aliases")


@click.command("rm")
@click.argument("model", shell_complete=complete_model)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even if it is in memory: its requests are ended.")
@connection_options
@click.pass_obj
def remove(connection: Connection, model: str, yes: bool, force: bool) -> None:
    """Remove a model's files, and what stands beside them for it alone."""
    with connection.client(connection.begin()) as client:
        path = _path(client, model)
        resident = client.model(path.stem).model.residency != "absent"
        if resident and not force:
            raise Busy(f"{path.stem} is in memory; `hob stop {path.stem}` first, or say --force")
        doomed = tidying.belongings(path)
        _confirm(connection, [str(each) for each in doomed], yes)
        if resident:
            client.unload(path.stem, force=True)
        freed = tidying.remove(doomed)
    _tell_removed(connection, doomed, freed)


@click.command("gc")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@connection_options
@click.pass_obj
def collect(connection: Connection, yes: bool, dry_run: bool) -> None:
    """Remove what no model needs: parts of downloads that were given up, and what belongs to models gone."""
    with connection.client(connection.begin()) as client:
        models = shelving.models_dir(client)
    found = tidying.leftovers(models)
    if dry_run and connection.as_json:
        print_json(
            {"leftovers": [{"path": str(f.path), "what": f.what, "num_bytes": f.num_bytes} for f in found]}
        )
    elif dry_run:
        print_table(
            ("SIZE", "WHAT", "PATH"), [(size(each.num_bytes), each.what, str(each.path)) for each in found]
        )
    else:
        paths = [each.path for each in found]
        if paths:
            _confirm(connection, [f"{each.path} ({each.what})" for each in found], yes)
        _tell_removed(connection, paths, tidying.remove(paths))


@click.command("usage")
@connection_options
@click.pass_obj
def usage(connection: Connection) -> None:
    """Show what models take on the disk."""
    with connection.client(connection.begin()) as client:
        models = shelving.models_dir(client)
    uses, left = tidying.usage(models), tidying.leftovers(models)
    left_bytes, free_bytes = sum(each.num_bytes for each in left), _free_bytes(models)
    if connection.as_json:
        told = [
            {
                "model": use.path.stem,
                "num_bytes": use.num_bytes,
                "shared_bytes": use.shared_bytes,
                "linked_to": use.linked_to,
            }
            for use in uses
        ]
        print_json({"models": told, "leftover_bytes": left_bytes, "free_bytes": free_bytes})
        return
    rows = [(use.path.stem, size(use.num_bytes), _note(use)) for use in uses]
    rows += [("(left behind)", size(left_bytes), "`hob models gc` removes it")] if left else []
    print_table(("MODEL", "DISK", "NOTE"), [*rows, ("(free)", size(free_bytes), str(models))])


COMMANDS: Sequence[click.Command] = (alias, remove, collect, usage)


def _path(client: Client, model: str) -> Path:
    """Of a model, by name or alias. Raises ModelNotFound."""
    models, name = shelving.models_dir(client), client.model(model).model.name
    found = placing.find(models, name)
    if found is None:
        raise ModelNotFound(
            f"{name} is not in {models} as this program sees it; is the daemon on this machine?"
        )
    return found


def _require_unused(client: Client, model: str, aliases: Sequence[str]) -> None:
    """An alias that is another model's name would never be found, and one of two models neither."""
    for other in client.models():
        taken = {name.casefold() for name in (other.name, *other.aliases)}
        for each in aliases:
            if each.casefold() in taken:
                raise InvalidRequest(f"{each} is what {other.name} is called; choose another alias")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SIDECAR_BYTES).decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise NotPermitted(f"{path} cannot be read ({type(error).__name__}); mend or remove it") from None


def _write(path: Path, text: str) -> None:
    try:
        placing.write_whole(path, text)
    except OSError as error:
        raise NotPermitted(f"{path} cannot be written ({error.strerror}); check whose it is") from None


def _confirm(connection: Connection, doomed: Sequence[str], yes: bool) -> None:
    """Raises InvalidRequest if there is nobody to ask."""
    if yes:
        return
    if connection.as_json or not sys.stdin.isatty():
        raise InvalidRequest("this removes files, and there is nobody to ask; say --yes")
    for line in doomed:
        print_note(line)
    click.confirm("hob: remove these?", abort=True, err=True)


def _tell_removed(connection: Connection, paths: Sequence[Path], freed: int) -> None:
    if connection.as_json:
        print_json({"removed": [str(path) for path in paths], "freed_bytes": freed})
    else:
        print_note(f"{len(paths)} removed, {size(freed)} freed" if paths else "there is nothing to remove")


def _note(use: tidying.Use) -> str:
    if use.linked_to:
        return f"a link to {use.linked_to}"
    return f"{size(use.shared_bytes)} are other programs' too" if use.shared_bytes else "-"


def _free_bytes(models: Path) -> int:
    try:
        return shutil.disk_usage(models).free
    except OSError:
        return 0
