"""The audit on disk: appends records, each hanging on the one before, and forgets the oldest file for room.

Must never hold a word of a prompt or an answer, nor stop the daemon: what cannot be written is counted, and
the next record that can be says how many are missing. Made by main.py; the chain's form is hob.audit's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Protocol

from hob import audit, portable

from hobd import log

Value = str | int | float | bool
_MAX_TEXT_CHARACTERS = 256


class Audit(Protocol):
    """Where the parts of the daemon tell what happened."""

    def write(self, kind: str, **fields: Value) -> None: ...


class NoAudit:
    """For daemons that keep none."""

    def write(self, kind: str, **fields: Value) -> None:
        pass


class Journal:
    """Files in one folder, the newest `audit.jsonl`, older ones `audit.1.jsonl` and so on."""

    def __init__(self, folder: Path, *, max_bytes: int, num_files: int) -> None:
        """Goes on from the last record there is. `max_bytes` and `num_files` bound what is kept."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._num_files = num_files
        self._num_missed = 0
        self._fd: int | None = None
        self._number, self._head = 0, audit.GENESIS
        self._size = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
            self._resume()
        except OSError as error:
            self._give_up(error)

    def write(self, kind: str, **fields: Value) -> None:
        """Adds a record. Empty fields are left out, long texts cut."""
        known = {name: _bounded(value) for name, value in fields.items() if value != ""}
        if self._num_missed:
            known["num_missed"] = self._num_missed
        record = audit.seal({**known, "kind": kind, "at": _now()}, self._number + 1, self._head)
        try:
            if self._fd is None:
                self._open()
            if self._size >= self._max_bytes:
                self._rotate()
            self._append(audit.to_line(record).encode())
        except OSError as error:
            self._num_missed += 1
            self._give_up(error)
            return
        self._number, self._head, self._num_missed = record["n"], record["hash"], 0

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    # ------------------------------------------------------------------ files

    def _path(self, age: int) -> Path:
        return audit.path(self._folder, age)

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | portable.SAFELY | portable.NO_LINK
        self._fd = os.open(self._path(0), flags, 0o600)
        self._size = os.fstat(self._fd).st_size

    def _append(self, line: bytes) -> None:
        """All of it or nothing: half a line would look like somebody's doing."""
        assert self._fd is not None
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, self._size)
            raise OSError(28, "the disk took a part of a record only")
        self._size += written

    def _rotate(self) -> None:
        self.close()
        for age in range(self._num_files - 1, 0, -1):
            newer = self._path(age - 1)
            if newer.exists():
                os.replace(newer, self._path(age))
        if self._num_files == 1:
            self._path(0).unlink()
        self._open()

    def _give_up(self, error: OSError) -> None:
        """Until the next record, which tries again. Said once for each run of misses."""
        if self._num_missed <= 1:
            log.event("audit_not_written", level="error", why=error.strerror or "unknown")
        self.close()

    # ------------------------------------------------------------------ going on

    def _resume(self) -> None:
        """Finds the last record. What follows the last whole line was torn off, by a loss of power say."""
        assert self._fd is not None
        data = _content(self._path(0))
        end = data.rfind(b"\n") + 1
        if torn := len(data) - end:
            os.ftruncate(self._fd, end)
            self._size = end
        for line in reversed((data[:end] or _content(self._path(1))).splitlines()):
            if (record := audit.read_line(line.decode("utf-8", "replace"))) is not None:
                self._number, self._head = record["n"], record["hash"]
                break
        if torn:
            self.write("torn_record", num_bytes=torn)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _bounded(value: Value) -> Value:
    return value[:_MAX_TEXT_CHARACTERS] if isinstance(value, str) else value


def _now() -> str:
    seconds = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"
