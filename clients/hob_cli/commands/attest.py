"""`hob attest`: what the daemon and its workers cannot do, shown by trying.

Must never start a daemon, nor soften what it is told: whatever did not hold ends in exit status 11.
Called by main.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_table, record
from hob_cli.terminal import visible

if TYPE_CHECKING:
    from hob_client.states import Attestation, Evidence


@click.command("attest")
@click.option("-a", "--all", "wants_all", is_flag=True, help="Show the evidence of what held, too.")
@connection_options
@click.pass_obj
def command(connection: Connection, wants_all: bool) -> None:
    """Show that the walls stand, by trying them. Exit status 11 if one does not.

    The daemon, each worker and its children try what they must not be able to do; and the daemon looks at
    them from outside, since a worker that was taken over could lie. Does not start a daemon.
    """
    with connection.running() as client:
        told = client.attest()
    if connection.as_json:
        print_json(record(told))
    else:
        _show(told, wants_all=wants_all)
    if not told.all_held:
        click.get_current_context().exit(exits.FAILED)


def _show(told: Attestation, *, wants_all: bool) -> None:
    subjects = dict.fromkeys(each.subject for each in told.evidence)
    for subject in subjects:
        _show_subject(subject, [each for each in told.evidence if each.subject == subject], wants_all)
    failed = [each for each in told.evidence if not each.held]
    print(_verdict(len(told.evidence), failed))
    for remedy in dict.fromkeys(each.remedy for each in failed if each.remedy):
        print(visible(f"  to mend it: {remedy}"))


def _show_subject(subject: str, evidence: Sequence[Evidence], wants_all: bool) -> None:
    failed = [each for each in evidence if not each.held]
    pid = next((f", pid {each.pid}" for each in evidence if each.pid), "")
    count = f"{len(evidence)} held" if not failed else f"{len(failed)} of {len(evidence)} did NOT hold"
    shown = evidence if wants_all else failed
    print(visible(f"{subject}{pid}: {count}"))
    if not wants_all:
        held = dict.fromkeys(each.property for each in evidence if each.held)
        for line in _wrapped(list(held)):
            print(visible(f"  {line}"))
    if shown:
        print_table(("", "", "", "", ""), [_row(each) for each in shown])
    print()


def _row(each: Evidence) -> tuple[str, ...]:
    return ("", "held" if each.held else "NOT", each.property, each.source, each.observed)


def _verdict(num: int, failed: Sequence[Evidence]) -> str:
    if not failed:
        return f"all {num} properties held"
    num_subjects = len({each.subject for each in failed})
    where = "at one place" if num_subjects == 1 else f"at {num_subjects} places"
    return f"{len(failed)} of {num} properties did NOT hold, {where}"


def _wrapped(names: Sequence[str], width: int = 100) -> list[str]:
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= width:
            lines[-1] += f", {name}"
        else:
            lines.append(name)
    return lines
