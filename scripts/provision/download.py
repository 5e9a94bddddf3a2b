"""Fetches the file that a lock names, and nothing that does not have the lock's digest.

Must leave the choice of a registry, a proxy and certificates to the user's pip.
Called by engine and starter, whose files are too big to be dependencies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from provision import command, place

PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
MEGABYTE = 1_000_000


def fetch(title: str, lock: str, into: Path, *, python: Path, options: Sequence[str] = ()) -> Path:
    """The one file that `requirements/<lock>.lock` names, in the directory `into`."""
    into.mkdir(parents=True, exist_ok=True)
    argv: list[str | Path] = [
        python,
        "-m",
        "pip",
        "download",
        "--progress-bar=raw",
        "--no-deps",
        "--require-hashes",
    ]
    command.run(
        title,
        [*argv, "--requirement", place.LOCKS / f"{lock}.lock", "--dest", into, *options],
        log=lock,
        hint="is this machine online, and has it enough room?",
        # pip unpacks in a temporary directory: one file system less that can be full.
        environ={"TMPDIR": str(into)},
        reader=_megabytes,
    )
    (fetched,) = (path for path in into.iterdir() if path.is_file())
    return fetched


def _megabytes(text: str) -> tuple[int, int] | None:
    found = PROGRESS.search(text)
    return (int(found[1]) // MEGABYTE, int(found[2]) // MEGABYTE) if found else None
