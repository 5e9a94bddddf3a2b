"""Small JSON files in the state directory: read whole and checked, written whole or not at all.

Must survive a missing, damaged or unwritable file: who owns one decides what that costs. Used by digest.py,
pins.py and quarantine.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
from hob import portable

T = TypeVar("T")
_MAX_BYTES = 8 << 20


def read_record(path: Path, kind: type[T], default: T) -> T:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return default


def write_record(path: Path, value: object) -> bool:
    """Atomic, and readable by its owner alone. False where that failed: the old file is whole then."""
    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | portable.SAFELY | portable.NO_LINK
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(msgspec.json.encode(value))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        return False
    return True
