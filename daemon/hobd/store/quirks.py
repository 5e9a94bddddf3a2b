"""What this machine was found unable to do, remembered across starts of the daemon.

Must survive a missing, damaged or unwritable file: the worst case is finding out again. Used by
broker/loading.py; tunings.py asks it for the processor.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec


class Quirks:
    """Work-arounds by engine build and processor. `get` and `remember` take the build as workers name it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._processor = processor_digest()
        self._known = _read(path)

    def get(self, engine_build: str) -> str:
        """The work-around that this build needs on this processor; empty for none."""
        return self._known.get(self._key(engine_build), "")

    def remember(self, engine_build: str, workaround: str) -> None:
        self._known[self._key(engine_build)] = workaround
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._path.with_suffix(".new")
            temporary.write_bytes(msgspec.json.encode(self._known))
            os.replace(temporary, self._path)
        except OSError:
            pass  # a full disk costs one more probe at the next start

    def _key(self, engine_build: str) -> str:
        return f"{engine_build} on {self._processor}"


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def processor_digest() -> str:
    """The processor's features, as far as the system tells; a moved installation must find out anew."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return os.uname().machine
    features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(features.encode()).hexdigest()[:16]
