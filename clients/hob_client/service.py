"""Whether the user's service manager is to start the daemon, and having it do so.

Must never start one that somebody did not install, and never import grpc. Called by launch.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hob import address

from hob_client.errors import DaemonStartFailed

_UNIT = "hobd.service"
_TIMEOUT_SECONDS = 60.0


class StartingService:
    """The service on its way up; systemctl returns when hobd says that it serves."""

    __slots__ = ("_process",)

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        """Return once the socket answers. Raises DaemonStartFailed."""
        try:
            status = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise DaemonStartFailed(
                "the service hobd did not start in time; see `hob service logs`"
            ) from None
        if status:
            raise DaemonStartFailed("the service hobd did not start; see `hob service logs`")


def serves(path: str) -> bool:
    """Whether `path` is the door of a service that is installed and has a manager that runs."""
    if sys.platform != "linux" or path != str(address.runtime_dir() / address.SOCKET_NAME):
        return False
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return _unit_path().exists() and Path(runtime, "systemd", "private").exists()


def start() -> StartingService:
    command = ["systemctl", "--user", "start", _UNIT]
    quiet = subprocess.DEVNULL
    try:
        return StartingService(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet))
    except OSError as error:
        raise DaemonStartFailed(
            f"systemctl could not be run ({error.strerror}); mend that, or start `hobd`"
        ) from None


def _unit_path() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(config, "systemd", "user", _UNIT)
