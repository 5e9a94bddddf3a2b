"""The record of what tools were asked to do: names, decisions and sizes, never arguments or results.

Must stay content-free, readable by its owner alone, and small: past a megabyte the older half is replaced.
Written by consent.py and toolbox.py; `hob tools` says where it is.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from hob_client.errors import InvalidRequest

_MOST_BYTES = 1 << 20


def journal_path() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "hob" / "tools.log"


class Journal:
    """One line of JSON for each call."""

    __slots__ = ("_front", "_path")

    def __init__(self, front: str, path: Path | None = None) -> None:
        """`front`: chat or acp."""
        self._front = front
        self._path = path or journal_path()

    def write(
        self, *, tool: str, decision: str, is_done: bool, num_argument_bytes: int, num_result_bytes: int
    ) -> None:
        """Raises InvalidRequest: nothing goes on unrecorded."""
        record = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "front": self._front,
            "tool": tool,
            "decision": decision,
            "done": is_done,
            "argument_bytes": num_argument_bytes,
            "result_bytes": num_result_bytes,
        }
        try:
            self._append(json.dumps(record).encode() + b"\n")
        except OSError as error:
            raise InvalidRequest(
                f"the record of tool calls {self._path} cannot be written: {error.strerror}; mend that"
            ) from None

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(self._path, flags, 0o600)
        try:
            os.write(file, line)
            is_full = os.fstat(file).st_size > _MOST_BYTES
        finally:
            os.close(file)
        if is_full:
            with suppress(OSError):
                os.replace(self._path, self._path.with_suffix(".log.1"))
