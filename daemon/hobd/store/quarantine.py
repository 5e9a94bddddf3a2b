"""Digests of models that are not to be loaded, and why; kept across starts of the daemon.

Must never lose what it was told to a damaged write. Put in by broker/trips.py, asked by broker/loading.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Held(msgspec.Struct, frozen=True):
    """A file by the name it had, and half a sentence that says why."""

    model: str
    reason: str


class Quarantine:
    """`put` a digest in; `why` it is there; `release` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = _read(path)

    def put(self, digest: str, model: str, reason: str) -> None:
        """At once in force; if it cannot be written, as long as the daemon runs."""
        if digest not in self._held:
            self._held[digest] = Held(model, reason)
            self._write()

    def why(self, digest: str) -> str:
        """Empty if it is not there."""
        held = self._held.get(digest)
        return "" if held is None else held.reason

    def release(self, digest: str) -> None:
        if self._held.pop(digest, None) is not None:
            self._write()

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".new")
            temporary.write_bytes(msgspec.json.encode(self._held))
            os.replace(temporary, self._path)
        except OSError:
            pass  # a full disk; it holds as long as the daemon runs


def _read(path: Path) -> dict[str, Held]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Held])
    except (OSError, msgspec.DecodeError):
        return {}
