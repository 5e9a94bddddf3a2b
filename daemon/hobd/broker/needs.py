"""What each model will take in memory, known at once for a file that was looked at before.

Must read seldom: an answer holds while the model's files and the configuration stay as they are. A file that
our reader cannot read is llama.cpp's to refuse; until then it is reckoned by its size. Made by main.py; asked
by tenancy.py for every lease.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Protocol

from hobd.broker.account import RAM, Account, Line, Purpose
from hobd.broker.draft import find_draft
from hobd.broker.tuning import Tuning
from hobd.config import Config
from hobd.errors import ModelUnusable
from hobd.store.catalog import Catalog, Entry

_WORKER_BYTES = 64 << 20  # interpreter, engine and renderer, with no model in them
_MOST_KV_BYTES = 1 << 30
_Signature = tuple[Config, tuple[tuple[int, ...], ...]]


class Estimator(Protocol):
    """Reads headers; blocks."""

    def need(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        """Raises ModelUnusable or OutOfMemory."""


class Needs:
    """Accounts by model, as long as nothing that they depend on changes."""

    def __init__(self, estimator: Estimator, tuning: Tuning | None = None) -> None:
        self._estimator = estimator
        self._tuning = tuning or Tuning()
        self._known: dict[str, tuple[_Signature, Account]] = {}

    async def of(self, entry: Entry, catalog: Catalog, config: Config) -> Account:
        """Raises OutOfMemory if it will not fit whoever leaves."""
        config = self._tuning.apply(entry, config)
        signature = (config, tuple(_identities(entry, catalog)))
        known = self._known.get(entry.name)
        if known is not None and known[0] == signature:
            return known[1]
        try:
            account = await asyncio.to_thread(self._estimator.need, entry, catalog, config)
        except ModelUnusable:
            account = by_size(entry, catalog)
        self._known[entry.name] = (signature, account)
        return account


def by_size(entry: Entry, catalog: Catalog) -> Account:
    """Weights as large as the files, a KV cache as large as that up to a bound, and what any worker takes."""
    weights = sum(file.size_bytes for file in _files(entry, catalog))
    sizes = {
        Purpose.WEIGHTS: weights,
        Purpose.KV_CACHE: min(weights, _MOST_KV_BYTES),
        Purpose.OVERHEAD: _WORKER_BYTES,
    }
    return tuple(Line(device=RAM, purpose=purpose, num_bytes=size) for purpose, size in sizes.items())


def _files(entry: Entry, catalog: Catalog) -> Iterator[Entry]:
    """All that is loaded with a model, itself first."""
    yield entry
    if (draft := find_draft(catalog, entry).entry) is not None:
        yield draft
    if entry.projector is not None:
        yield entry.projector
    yield from entry.adapters


def _identities(entry: Entry, catalog: Catalog) -> Iterator[tuple[int, ...]]:
    """What changes when one of the files does."""
    for file in _files(entry, catalog):
        try:
            found = os.stat(file.path)
        except OSError:
            yield ()
        else:
            yield (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
