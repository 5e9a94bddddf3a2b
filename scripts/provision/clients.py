"""Programs of others that talk to the gateway: litellm and aider, in an environment of their own.

Must stay apart from hob's, whose packages they would hold back. Called by scripts/clients.
"""

from __future__ import annotations

import sys

from provision import command, place

LOCK = place.ROOT / "tests" / "gateway" / "clients" / "clients.lock"
FOLDER = place.ROOT / ".cache" / "clients"
_STAMP = FOLDER / "installed.lock"


def provide() -> None:
    """Makes sure that exactly what the lock names is there."""
    wanted = LOCK.read_text()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return
    command.run(
        "Creating an environment for clients",
        [place.UV, "venv", "--clear", "--python", sys.executable, FOLDER],
        log="clients",
    )
    command.run(
        "Installing litellm and aider",
        [
            *(place.UV, "pip", "sync", "--python", FOLDER / "bin" / "python"),
            *("--require-hashes", LOCK),
        ],
        log="clients",
        hint="is this machine online?",
    )
    _STAMP.write_text(wanted)
