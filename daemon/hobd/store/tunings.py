"""What was measured to suit a model on this machine, remembered across starts of the daemon.

Must survive a missing, damaged or unwritable file, and never hold for another file or another processor: the
worst case is measuring again. Used by broker/tuning.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hobd.store.catalog import Entry
from hobd.store.quirks import processor_digest
from hobd.store.record import read_record, write_record

_MOST_MODELS = 4096


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a model is run. 0 and "": as the configuration says."""

    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    batch_tokens: Annotated[int, Meta(ge=0, le=8192)] = 0
    kv_type: Literal["", "f16", "q8_0"] = ""

    def named(self) -> dict[str, int | str]:
        """By the names of the configuration's keys; only what is said."""
        found: dict[str, int | str] = msgspec.structs.asdict(self)
        return {name: value for name, value in found.items() if value}


class Tuned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    settings: EngineSettings
    size_bytes: int  # of the model's file, which is another model when it has another size
    processor: str
    at: float  # seconds since 1970


class Tunings:
    """By model."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processor = processor_digest()
        self._known = read_record(path, dict[str, Tuned], {})

    def get(self, entry: Entry) -> Tuned | None:
        tuned = self._known.get(entry.name)
        if tuned is None or (tuned.size_bytes, tuned.processor) != (entry.size_bytes, self._processor):
            return None
        return tuned

    def remember(self, entry: Entry, settings: EngineSettings, at: float) -> None:
        self.forget(entry)  # the newest last
        while len(self._known) >= _MOST_MODELS:
            del self._known[next(iter(self._known))]
        tuned = Tuned(settings=settings, size_bytes=entry.size_bytes, processor=self._processor, at=at)
        self._known[entry.name] = tuned
        write_record(self._path, self._known)

    def forget(self, entry: Entry) -> None:
        if self._known.pop(entry.name, None) is not None:
            write_record(self._path, self._known)
