"""`hob audit`: the journal of what happened, read and checked without the daemon's help.

Must never change the journal. Called by main.py.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import click
from hob import address, audit
from hob_client.errors import NotPermitted

from hob_cli import exits
from hob_cli.connection import Connection
from hob_cli.options import connection_options
from hob_cli.render import print_json, print_note, print_table
from hob_cli.terminal import visible

_HIDDEN = frozenset(("at", "kind", "n", "prev", "hash"))
_FOLDER = click.option("--folder", type=click.Path(path_type=Path), help="Of another journal than your own.")


@click.group("audit")
def command() -> None:
    """Show and check the journal of what happened. It holds no word of prompts or answers."""


@command.command()
@click.option("-n", "--last", type=click.IntRange(1), default=20, show_default=True, help="So many records.")
@_FOLDER
@connection_options
@click.pass_obj
def show(connection: Connection, last: int, folder: Path | None) -> None:
    """Print the last records."""
    for line in deque(_lines(connection, folder), maxlen=last):
        record = audit.read_line(line)
        if connection.as_json:
            print_json(record or {"broken": True})
        else:
            print(visible(_describe(record)))


@command.command()
@click.option("--head", help="A hash that an earlier check ended with; it must still be there.")
@_FOLDER
@connection_options
@click.pass_obj
def verify(connection: Connection, head: str | None, folder: Path | None) -> None:
    """Check that no record was changed, removed or slipped in. Exit status 11 if one was."""
    lines = list(_lines(connection, folder))
    chain = audit.check(lines)
    problems = [f"line {fault.line}: {fault.reason}" for fault in chain.faults]
    if head and not any(record["hash"] == head for record in map(audit.read_line, lines) if record):
        problems.append(f"no record has the hash {head}: the end was cut off, or the oldest were forgotten")
    if connection.as_json:
        print_json({"num_records": chain.num_records, "head": chain.head, "faults": problems})
    else:
        for problem in problems:
            print_note(problem)
        print(f"{chain.num_records} records, head {chain.head}: {'broken' if problems else 'whole'}")
    if problems:
        click.get_current_context().exit(exits.FAILED)


@command.command()
@_FOLDER
@connection_options
@click.pass_obj
def usage(connection: Connection, folder: Path | None) -> None:
    """Count requests and tokens by user, door and model."""
    totals: dict[tuple[str, str, str], Counter[str]] = {}
    for record in map(audit.read_line, _lines(connection, folder)):
        if record is not None and record.get("kind") == "request":
            who = (str(record.get("uid", "-")), str(record.get("door", "-")), str(record.get("model", "-")))
            counts = totals.setdefault(who, Counter())
            counts["requests"] += 1
            for name in ("num_prompt_tokens", "num_completion_tokens"):
                counts[name] += _count(record.get(name))
    rows = [(*who, counts) for who, counts in sorted(totals.items())]
    if connection.as_json:
        print_json({"usage": [{"uid": u, "door": d, "model": m, **c} for u, d, m, c in rows]})
        return
    numbers = ("requests", "num_prompt_tokens", "num_completion_tokens")
    header = ("UID", "DOOR", "MODEL", "REQUESTS", "PROMPT TOKENS", "ANSWER TOKENS")
    print_table(header, [(u, d, m, *(str(c[name]) for name in numbers)) for u, d, m, c in rows])


def _lines(connection: Connection, folder: Path | None) -> Iterator[str]:
    folder = folder or address.audit_dir(Path(connection.path_here()))
    try:
        yield from audit.read(folder)
    except OSError as error:
        raise NotPermitted(f"the journal in {folder} cannot be read ({error.strerror})") from None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _describe(record: audit.Record | None) -> str:
    if record is None:
        return "(a line that is no record, or was changed; see `hob audit verify`)"
    fields = (f"{key}={_value(value)}" for key, value in record.items() if key not in _HIDDEN)
    return f"{record.get('at', '')}  {record.get('kind', '')}  {' '.join(fields)}"


def _value(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text)
