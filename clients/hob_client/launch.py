"""Starts the daemon when no one answers at its socket, and waits until it does.

Must never import grpc or protobuf: the CLI calls this first, so that the daemon starts while they load.
Called by client.py, async_client.py and hob_cli.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hob import portable
from hob.address import state_dir

from hob_client import service, socket_path
from hob_client.errors import DaemonStartFailed, DaemonUnreachable, NotPermitted

if sys.platform == "win32" or TYPE_CHECKING:
    from hob_client import windows_launch, windows_pipe

START_TIMEOUT_SECONDS = 30.0
LOG_NAME = "hobd.log"
# How the ready line of a daemon begins that lost the race for the socket's lock.
_LOST_RACE = "another hobd"
_POLL_SECONDS = 0.01
# So long the connections of others may keep us waiting before we try to talk nevertheless.
_BUSY_SECONDS = 2.0
_MAX_READY_LINE_BYTES = 4096


class OnItsWay(Protocol):
    """A daemon that somebody is starting."""

    def wait(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None: ...


class Starting:
    """A daemon of ours on its way up."""

    __slots__ = ("_path", "_process", "_ready")

    def __init__(self, path: str, process: subprocess.Popen[bytes], ready: int) -> None:
        self._path = path
        self._process = process
        self._ready = ready

    def wait(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Return once the socket answers. Raises DaemonStartFailed with the daemon's own sentence."""
        deadline = time.monotonic() + timeout_seconds
        try:
            line = _read_line(self._ready, deadline)
        finally:
            os.close(self._ready)
        if self._process.poll() is None:
            # It outlives us by design; without this, Popen warns about a child it thinks we forgot.
            self._process.returncode = 0
        if line == "ready":
            return
        if _LOST_RACE in line and _wait_listening(self._path, deadline):
            return
        raise DaemonStartFailed(_sentence(line))


def is_listening(path: str) -> bool:
    """Whether somebody accepts at the socket. Raises NotPermitted if we may not ask."""
    if sys.platform == "win32":
        return windows_pipe.is_listening(path)
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_BUSY_SECONDS)
            try:
                probe.connect(path)
            except PermissionError:
                raise NotPermitted(
                    f"you may not open the socket {path}; ask its owner or name another"
                ) from None
            except (BlockingIOError, TimeoutError):  # its backlog is full: busy, but there
                if time.monotonic() < deadline:
                    time.sleep(_POLL_SECONDS)
                    continue
            except OSError:
                return False
        return True


def start_daemon(path: str, *, preload: str | None = None) -> OnItsWay:
    """Start hobd for the socket: the service where one is installed, else in a session of its own.

    `preload`: a model to load at once; "": the default. A service loads it when it is asked.
    """
    if name := socket_path.link_at(path):  # a daemon here would take the place of the other machine's
        raise DaemonUnreachable(f"the link {name} is down; `hob link up {name}` brings it up")
    if service.serves(path):
        return service.start()
    if sys.platform == "win32":
        return _start_on_windows(path, preload)
    ready, told = os.pipe()
    try:
        log = _open_log()
        try:
            process = subprocess.Popen(
                _command(path, told, preload),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(told,),
                start_new_session=True,  # Ctrl-C in our terminal is not meant for it
                cwd="/",  # it must not keep a mount busy because someone happened to start it there
                env=_environment(),
            )
        finally:
            os.close(log)
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(told)
    return Starting(path, process, ready)


def _start_on_windows(path: str, preload: str | None) -> OnItsWay:
    log = _open_log()
    try:
        command = _command(path, None, preload)
        starting: OnItsWay = windows_launch.StartingByPipe(path, command, log, str(log_path()))
        return starting
    finally:
        os.close(log)


def ensure(path: str, *, start: bool, wait_seconds: float = 0.0) -> None:
    """Return once somebody listens: at once, after a start, or after waiting. May raise DaemonUnreachable."""
    if is_listening(path):
        return
    if start:
        start_daemon(path).wait()
    elif not _wait_listening(path, time.monotonic() + wait_seconds):
        raise DaemonUnreachable(f"no daemon answers at {path}; start it with `hobd` or drop --no-start")


def log_path() -> Path:
    """Where a daemon that we start writes."""
    return state_dir() / LOG_NAME


def _command(path: str, told: int | None, preload: str | None) -> list[str]:
    # -I: a folder named hobd in the user's working directory must not be run in its stead.
    command = [sys.executable, "-I", "-m", "hobd", "--socket", path]
    if told is not None:
        command += ["--ready-fd", str(told)]
    return command if preload is None else [*command, f"--load={preload}"]


def _environment() -> dict[str, str]:
    """Ours; but a relative HOB_CONFIG means relative to here, and the daemon works elsewhere."""
    environment = dict(os.environ)
    if environment.get("HOB_CONFIG"):
        environment["HOB_CONFIG"] = os.path.abspath(environment["HOB_CONFIG"])
    return environment


def _open_log() -> int:
    path = log_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | portable.SAFELY, 0o600)
    except OSError as error:
        raise DaemonStartFailed(
            f"the daemon's log {path} cannot be written ({error.strerror}); "
            "set XDG_STATE_HOME to a place that can"
        ) from None


def _read_line(ready: int, deadline: float) -> str:
    """What the daemon said up to the end of a line or of itself; "timeout" if it said nothing in time."""
    poller = select.poll()
    poller.register(ready, select.POLLIN)
    said = b""
    while not said.endswith(b"\n") and len(said) < _MAX_READY_LINE_BYTES:
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return "timeout"
        piece = os.read(ready, _MAX_READY_LINE_BYTES)
        if not piece:
            break
        said += piece
    return said.decode(errors="replace").strip()


def _sentence(line: str) -> str:
    if line.startswith("error "):
        return line.removeprefix("error ")
    if line == "timeout":
        return f"hobd started but did not become ready in time; see {log_path()}"
    return f"hobd ended while it was starting; the reason is at the end of {log_path()}"


def _wait_listening(path: str, deadline: float) -> bool:
    while not is_listening(path):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
