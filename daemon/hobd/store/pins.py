"""The digests that files without a recorded one had when they were first used: another one later is refused.

Must never change a pin by itself: only a person accepts another file. A pin that could not be written is
lost at the daemon's end, and made anew at the next use. Called by broker/admission.py; `accept` for people,
by api/models.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from hobd.store.record import read_record, write_record
from hobd.store.sidecar import Sha256

_MAX_PINS = 4096


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was, and since when (seconds of the epoch)."""

    sha256: Sha256
    since: float


class Pins:
    """Trust on first use, by the path that a file has."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._lock = threading.Lock()
        self._pins = read_record(path, dict[str, Pin], {})

    def of(self, file: Path) -> Pin | None:
        with self._lock:
            return self._pins.get(str(file))

    def first_use(self, file: Path, sha256: str) -> Pin:
        """The pin that there is, or a new one."""
        with self._lock:
            return self._pins.get(str(file)) or self._pin(file, sha256)

    def accept(self, file: Path, sha256: str) -> Pin:
        """A person says that the file is meant to be this one."""
        with self._lock:
            self._pins.pop(str(file), None)
            return self._pin(file, sha256)

    def _pin(self, file: Path, sha256: str) -> Pin:
        pin = self._pins[str(file)] = Pin(sha256=sha256, since=self._now())
        if len(self._pins) > _MAX_PINS:  # those of files that are gone go first
            gone = [path for path in self._pins if not Path(path).exists()]
            for path in gone or [next(iter(self._pins))]:
                del self._pins[path]
        write_record(self._path, self._pins)
        return pin
