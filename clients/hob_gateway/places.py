"""Where the gateway keeps what must outlive it: tokens, its certificate, where it listens.

Must keep no text of a prompt, and nothing that others of this machine can read. Used by all of the gateway.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hob.address import state_dir
from hob_client.errors import NotPermitted

MAX_FILE_BYTES = 1 << 20


def folder() -> Path:
    """The gateway's own folder, of mode 0700; made when it is not there."""
    path = state_dir() / "gateway"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NotPermitted(f"{path} must be yours and closed to others; run `chmod 700 {path}`")
    return path


def read_record(path: Path) -> dict[str, Any]:
    """A file that `write_record` wrote; {} where there is none. NotPermitted if it is no such file."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.read(MAX_FILE_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotPermitted(f"{path} cannot be read ({type(error).__name__}); move it away") from None
    if not isinstance(record, dict):
        raise NotPermitted(f"{path} is not the gateway's; move it away")
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    """All of it or nothing, for its owner's eyes only."""
    write_private(path, json.dumps(record, indent=1).encode() + b"\n")


def write_private(path: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
