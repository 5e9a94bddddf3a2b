"""What is pinned: every package of every lock, with its digests.

Must only read. Called by licences.py, sbom.py and the tests of the supply chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provision import place

_PIN = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,]+\])?==(?P<version>[^\s;]+)")
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """`digests`: SHA-256 of every file that may be installed for it."""

    name: str
    version: str
    digests: tuple[str, ...]
    locks: tuple[str, ...]


def pinned(folder: Path = place.LOCKS) -> list[Pinned]:
    """By name; what several locks pin to one version is there once."""
    found: dict[tuple[str, str], Pinned] = {}
    for lock in sorted(folder.glob("*.lock")):
        for name, version, digests in _entries(lock.read_text()):
            before = found.get((name, version))
            found[name, version] = Pinned(
                name=name,
                version=version,
                digests=tuple(sorted({*digests, *(before.digests if before else ())})),
                locks=(*(before.locks if before else ()), lock.stem),
            )
    return [found[key] for key in sorted(found)]


def _entries(text: str) -> Iterator[tuple[str, str, list[str]]]:
    for entry in re.split(r"\n(?=\S)", text):
        if match := _PIN.match(entry):
            yield match["name"], match["version"], _DIGEST.findall(entry)
