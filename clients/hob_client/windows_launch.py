"""Starts a daemon on Windows, apart from this console, and waits until its pipe is there.

Must never import grpc. Used by launch.py, which has POSIX's way: a descriptor over which the daemon tells.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

from hob_client import windows_pipe
from hob_client.errors import DaemonStartFailed

_POLL_SECONDS = 0.05
#: DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP: no console of ours, and no Ctrl-C.
_APART = 0x00000008 | 0x00000200
_MOST_SAID = 2000
_OWN_WORDS = "hobd: "


class StartingByPipe:
    """A daemon of ours on its way up."""

    def __init__(self, path: str, command: Sequence[str], log: int, log_name: str) -> None:
        self._path = path
        self._log_name = log_name
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, creationflags=_APART
        )

    def wait(self, timeout_seconds: float = 30.0) -> None:
        """Return once the pipe is there. Raises DaemonStartFailed with the daemon's own sentence."""
        deadline = time.monotonic() + timeout_seconds
        while not windows_pipe.is_listening(self._path):
            if self._process.poll() is not None:
                raise DaemonStartFailed(self._last_words())
            if time.monotonic() >= deadline:
                raise DaemonStartFailed(
                    f"hobd started but did not become ready in time; see {self._log_name}"
                )
            time.sleep(_POLL_SECONDS)
        self._process.returncode = 0  # it outlives us by design

    def _last_words(self) -> str:
        try:
            with open(self._log_name, "rb") as log:
                said = log.read()[-_MOST_SAID:].decode("utf-8", "replace").strip()
        except OSError:
            said = ""
        last = said.rpartition("\n")[2]
        if last.startswith(_OWN_WORDS):
            return last.removeprefix(_OWN_WORDS).strip()
        return f"hobd ended while it was starting; the reason is at the end of {self._log_name}"
