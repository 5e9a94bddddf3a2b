"""The models that are not loaded any more, each with the reason, until a person releases it.

Must go by digest, never by name: a file that was renamed is the same file, and one that was replaced is
another. Must outlive the daemon. Called by broker/admission.py, which refuses what is in it and counts what
kills workers; by whoever sees a worker try what it may not; `release` for people, by api/models.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from hobd.store.record import read_record, write_record
from hobd.store.sidecar import Sha256

_MAX_HELD = 1024
_MAX_REASON = 300


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One model. With an empty reason it is not held yet: it has only killed workers `strikes` times."""

    model: Annotated[str, msgspec.Meta(max_length=300)]
    reason: Annotated[str, msgspec.Meta(max_length=_MAX_REASON)] = ""
    strikes: int = 0
    since: float = 0.0


class Quarantine:
    """By digest; each change is on disk before it is believed."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._held = read_record(path, dict[Sha256, Held], {})

    def why(self, digest: str) -> str | None:
        """The reason why this file is not loaded; None if nothing keeps it."""
        with self._lock:
            held = self._held.get(digest)
        return held.reason if held is not None and held.reason else None

    def put(self, digest: str, model: str, reason: str) -> None:
        """From now on it is not loaded. The first reason stays."""
        with self._lock:
            before = self._held.get(digest)
            if before is None or not before.reason:
                self._keep(digest, model, reason, before.strikes if before is not None else 0)

    def strike(self, digest: str, model: str, reason: str, limit: int) -> bool:
        """One more worker died of it; True if that was the one too many. `limit` 0: there is none."""
        with self._lock:
            before = self._held.get(digest)
            strikes = (before.strikes if before is not None else 0) + 1
            is_held = bool(before is not None and before.reason)
            is_too_many = 0 < limit <= strikes
            if not is_held:
                self._keep(digest, model, reason if is_too_many else "", strikes)
            return is_too_many and not is_held

    def forgive(self, digest: str) -> None:
        """It was loaded whole: what it did before does not count."""
        with self._lock:
            held = self._held.get(digest)
            if held is not None and not held.reason:
                self._drop(digest)

    def release(self, digest: str) -> str | None:
        """A person wants it back. Returns why it was held; None if it was not."""
        with self._lock:
            held = self._held.get(digest)
            if held is None:
                return None
            self._drop(digest)
            return held.reason or None

    def all(self) -> Mapping[str, Held]:
        """Those that are held, by digest."""
        with self._lock:
            return {digest: held for digest, held in self._held.items() if held.reason}

    def _keep(self, digest: str, model: str, reason: str, strikes: int) -> None:
        self._held.pop(digest, None)
        self._held[digest] = Held(
            model=model[:300], reason=reason[:_MAX_REASON], strikes=strikes, since=self._now()
        )
        while len(self._held) > _MAX_HELD:  # those that are only counted go first
            counted = next((key for key, held in self._held.items() if not held.reason), None)
            del self._held[counted if counted is not None else next(iter(self._held))]
        write_record(self._path, self._held)

    def _drop(self, digest: str) -> None:
        del self._held[digest]
        write_record(self._path, self._held)
