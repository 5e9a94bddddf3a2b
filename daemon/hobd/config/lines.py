"""Finds the line on which a TOML file sets a key, since the standard parser does not tell.

Must be given valid TOML, may be wrong about contrived files, and must then name a line nearby or none.
Used by load.py for the places in its errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[+([^\]]*)\]")
_ASSIGNMENT = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def find_line(text: str, names: Sequence[str]) -> int | None:
    """Counted from 1: where the dotted key `names` is set, else where the nearest table around it is."""
    best: int | None = None
    best_depth = 0
    for line, path in _declarations(text):
        depth = _shared(path, names)
        if depth > best_depth:
            best, best_depth = line, depth
    return best


def _declarations(text: str) -> list[tuple[int, list[str]]]:
    """Each line that opens a table or sets a key, and the full path of what it names."""
    table: list[str] = []
    found: list[tuple[int, list[str]]] = []
    for line, content in enumerate(text.split("\n"), 1):
        if header := _HEADER.match(content):
            table = _split(header[1])
            found.append((line, table))
        elif assignment := _ASSIGNMENT.match(content):
            found.append((line, [*table, *_split(assignment[1])]))
    return found


def _split(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _shared(path: Sequence[str], names: Sequence[str]) -> int:
    """How many leading names they share; 0 if `path` leads elsewhere."""
    shared = min(len(path), len(names))
    return shared if list(path[:shared]) == list(names[:shared]) else 0
