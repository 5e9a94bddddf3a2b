"""`hob bug-report`: a bundle for whoever mends a fault, with nothing in it that is yours.

Must write nothing before it has shown it, start no daemon, and send nothing anywhere. Called by main.py.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import time
from pathlib import Path

import click
from hob_client import launch
from hob_client.errors import HobError, InvalidRequest

from hob_cli.commands import doctor
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note
from hob_cli.report.gathering import README, Report, gather
from hob_cli.terminal import visible


@click.command("bug-report")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Default: named by the time.")
@click.option("--dry-run", is_flag=True, help="Only show what would be in it.")
@click.option("-y", "--yes", is_flag=True, help="Write it without asking.")
@connection_options
@click.pass_obj
def command(connection: Connection, output: Path | None, dry_run: bool, yes: bool) -> None:
    """Gather what a report of a fault needs, and show it before it is written.

    That is: versions, findings, settings, evidence and events. No text of a prompt or an answer, no path and
    no name of yours is in it. Nothing is sent.
    """
    report = _report(connection)
    if connection.as_json and dry_run:
        print_json(report)
        return
    if not connection.as_json:
        _show(report)
    if dry_run or not (yes or _agreed()):
        return
    path = output or Path(time.strftime("hob-bug-report-%Y%m%d-%H%M%S.tar.gz"))
    _write(path, report)
    if connection.as_json:
        print_json({"path": str(path), "files": sorted(report)})
    else:
        print_note(f"{path} is written; nothing was sent")


def _report(connection: Connection) -> Report:
    seen = doctor.gather(connection)
    if not launch.is_listening(connection.path_here()):
        return gather(seen, None)
    try:
        with connection.running(timeout=60) as client:
            return gather(seen, client)
    except HobError:
        return gather(seen, None)


def _show(report: Report) -> None:
    for name, content in report.items():
        print(f"--- {name}")
        print(visible(_text(content)))


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise InvalidRequest("nobody is there to agree; say --yes, or look at it with --dry-run")
    return click.confirm("Write this to a file?", default=False, err=True)


def _write(path: Path, report: Report) -> None:
    """For its owner's eyes, until he sends it."""
    files = {"README.txt": README, **{name: _text(content) for name, content in report.items()}}
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be made ({error.strerror}); name another with --output"
        ) from None
    with os.fdopen(fd, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, text in files.items():
            member = tarfile.TarInfo(f"hob-bug-report/{name}")  # of no user and no time
            member.size = len(text.encode())
            bundle.addfile(member, io.BytesIO(text.encode()))


def _text(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"
