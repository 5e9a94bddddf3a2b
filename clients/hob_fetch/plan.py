"""What every source makes of what a user named: which files to fetch, and what they must be.

Must stay data; a header or a URL may hold a secret, so that no repr shows one. Made by the sources, carried
out by main.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["model", "projector", "adapter", "signature"]

MAX_FILES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file to fetch. What lies in an archive has its name there as `member`."""

    kind: Kind
    title: str  # what its publisher calls it, for people
    url: str = field(repr=False)
    size_bytes: int | None = None
    sha256: str = ""  # of what is fetched; empty: nobody says
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    member: str = ""
    member_sha256: str = ""

    @property
    def key(self) -> str:
        """The same for the same file, so that another run goes on with it."""
        return hashlib.sha256(f"{self.sha256 or self.url}\n".encode()).hexdigest()[:32]

    @property
    def part(self) -> str:
        """Under which name it lies when it is whole."""
        if not self.member:
            return f"{self.key}.part"
        return hashlib.sha256(f"{self.key}\n{self.member}".encode()).hexdigest()[:32] + ".part"

    @property
    def expected_sha256(self) -> str:
        """Of what is placed in the end."""
        return self.member_sha256 if self.member else self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    source: str  # as a sidecar keeps it: no query, no token
    license: str = ""
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()  # what was decided for the user, in words

    def event(self) -> dict[str, Any]:
        files = [
            {
                "kind": item.kind,
                "title": item.title[:200],
                "size_bytes": item.size_bytes,
                "sha256": item.expected_sha256,
                "vouched": bool(item.sha256),
                "part": item.part,
            }
            for item in self.items
        ]
        told = {"name": self.name, "source": self.source[:400], "license": self.license[:200]}
        return {"event": "plan", **told, "notes": list(self.notes), "files": files}
