"""How much memory a model takes, guessed from the sizes of its files, and how much models may take together.

Must stay rough and cheap: it opens no file. Given to the broker by main.py; what knows more goes there.
"""

from __future__ import annotations

import os

from hobd.broker.account import RAM, Account, Line, Purpose
from hobd.broker.draft import find_draft
from hobd.config import Config
from hobd.store.catalog import Catalog, Entry

#: Of the machine's memory; the rest is for people's other programs.
_SHARE_FOR_MODELS = 0.8
_WORKER_BYTES = 64 << 20  # interpreter, engine and renderer, with no model in them
_MOST_KV_BYTES = 1 << 30


def guess_need(entry: Entry, catalog: Catalog, config: Config) -> Account:
    """Weights as large as the files, a KV cache as large as that up to a bound, and what any worker takes."""
    draft = find_draft(catalog, entry).entry
    files = [entry, *([draft] if draft else []), *entry.adapters]
    weights = sum(file.size_bytes for file in files)
    sizes = {
        Purpose.WEIGHTS: weights,
        Purpose.KV_CACHE: min(weights, _MOST_KV_BYTES),
        Purpose.OVERHEAD: _WORKER_BYTES,
    }
    return tuple(Line(device=RAM, purpose=purpose, num_bytes=size) for purpose, size in sizes.items())


def guess_budget() -> dict[str, int]:
    """Bytes by device that models may have."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {RAM: int(memory * _SHARE_FOR_MODELS)}
