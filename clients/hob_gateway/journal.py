"""Writes the access log and the traces down, beside the loop: a terminal that stands still stops no answer.

Must keep a bounded number of lines and a bounded file, and drop rather than wait. Made by server.py.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import stat
import threading
from collections.abc import Callable

from hob_client.errors import InvalidRequest

from hob_gateway.records import Record, access_line, trace

MAX_FILE_BYTES = 16 << 20
MAX_WAITING = 4096
_END_SECONDS = 2.0


class Journal:
    """Lines into a descriptor, from a thread of its own, which starts with the first line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        status = os.fstat(descriptor)
        self._is_file = stat.S_ISREG(status.st_mode)

    def write(self, line: str) -> None:
        """Soon; a line for which there is no room is lost."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return

    def close(self) -> None:
        """Waits a little for what is still to be written."""
        if self._thread is not None:
            try:
                self._lines.put(None, timeout=_END_SECONDS)
            except queue.Full:
                return
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                if self._is_file and os.fstat(self._descriptor).st_size > MAX_FILE_BYTES:
                    os.ftruncate(self._descriptor, 0)  # it is opened to append
                os.write(self._descriptor, line.encode() + b"\n")
            except OSError:
                return  # a full disk, or nobody who reads: no reason to end


Recorder = Callable[[Record], None]


def recorder(access: Journal | None, traces: Journal | None) -> Recorder:
    def record(told: Record) -> None:
        if access is not None:
            access.write(access_line(told))
        if traces is not None:
            span = trace(told, secrets.token_hex(16), secrets.token_hex(8))
            traces.write(json.dumps(span, separators=(",", ":")))

    return record


def open_file(path: str) -> int:
    """A descriptor to append to, for its owner alone; to be opened before the gateway confines itself."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise InvalidRequest(f"the traces' file {path!r} cannot be opened ({error.strerror})") from None
