"""The form of the audit's records, and how they hang together; the daemon writes them, anyone can check them.

Must stay free of imports beyond the standard library, and of any word about what was said.

A record is one line of JSON. Its `hash` is the SHA-256 of the line without it, and that line holds the hash
of the record before as `prev`. Who changes, removes or inserts a line breaks the chain at that place. Who
removes the last lines is found out only by one who knows a later hash: `hob audit verify --head` takes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What the first record of all names as the one before.
GENESIS = "0" * 64
#: No record is longer, so nobody has to read on for ever to find its end.
MAX_LINE_BYTES = 4096

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """The line (from 1 on) at which the chain is broken, and how."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Chain:
    """What a check found: how many records hang together from the first on, and the last one's hash."""

    num_records: int
    head: str
    faults: tuple[Fault, ...]

    @property
    def is_whole(self) -> bool:
        return not self.faults


def path(folder: Path, age: int) -> Path:
    """The file being written is of age 0; the greater the age, the older the records."""
    return folder / ("audit.jsonl" if age == 0 else f"audit.{age}.jsonl")


def read(folder: Path) -> Iterator[str]:
    """All lines there are, the oldest first. Raises OSError for a file that is there and cannot be read."""
    names = (file.name.split(".")[1] for file in folder.glob("audit.*.jsonl"))
    ages = [int(age) for age in names if age.isdigit()]
    for age in (*sorted(ages, reverse=True), 0):
        try:
            file = path(folder, age).open(encoding="utf-8", errors="replace", newline="\n")
        except FileNotFoundError:
            continue
        with file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line


def seal(fields: Record, number: int, prev: str) -> Record:
    """The record of these fields, with its place in the chain: `n`, `prev` and `hash` come to them."""
    body = {**fields, "n": number, "prev": prev}
    return {**body, "hash": _hash(body)}


def to_line(record: Record) -> str:
    """One line, its newline included."""
    return _canonical(record) + "\n"


def read_line(line: str) -> Record | None:
    """The record in a line; None if there is none, or its hash is not its own."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    body = {name: value for name, value in record.items() if name != "hash"}
    return record if record.get("hash") == _hash(body) and line.rstrip("\n") == _canonical(record) else None


def check(lines: Iterable[str], *, prev: str | None = None) -> Chain:
    """Follows the chain through these lines; `prev` is the hash before the first, unless that is not known.

    After a broken place it goes on from the next record, so that each fault is found.
    """
    faults: list[Fault] = []
    number: int | None = None
    num_records, head = 0, prev or GENESIS
    for line_number, line in enumerate(lines, start=1):
        record = read_line(line)
        if record is None:
            faults.append(Fault(line_number, "it is no record, or was changed"))
            prev = number = None
            continue
        faults += [Fault(line_number, reason) for reason in _breaks(record, number, prev)]
        number, prev = record["n"], record["hash"]
        num_records, head = num_records + 1, record["hash"]
    return Chain(num_records, head, tuple(faults))


def _breaks(record: Record, number: int | None, prev: str | None) -> Iterator[str]:
    if prev is not None and record.get("prev") != prev:
        if number is not None and isinstance(record.get("n"), int) and record["n"] != number + 1:
            yield f"record {number + 1} should be here, and record {record['n']} is"
        else:
            yield "the record before it is not the one that it names"


def _canonical(record: Record) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _hash(body: Record) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()
