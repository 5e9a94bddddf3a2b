"""One ssh process that forwards a socket of ours to a door elsewhere, and the folder that the socket is in.

Must leave neither behind, however its owner ends, and open nothing but that socket, of mode 0600 in a
directory of mode 0700. Called by remote/reach.py and remote/keeper.py.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from hob_client.errors import DaemonUnreachable, HobError, InvalidRequest, NotPermitted, NotSupported
from hob_client.remote import ssh
from hob_client.remote.host import Host, check_socket

SOCKET = Path(ssh.LOCAL_SOCKET).name
#: Who may type (a passphrase, yes to a host key) needs longer than who may not.
_PATIENCE_SECONDS, _TYPING_SECONDS = 60.0, 300.0
_GREETING_SECONDS = 20.0
_POLL_SECONDS = 0.01
_MOST_SAID_BYTES = 1 << 16
_LINES_KEPT = 20
_LINE_BYTES = 2000

# Ends ssh when its owner does, whatever ends that one: stdin is a pipe that nobody else holds. A line in it
# is the owner's word that he clears up himself. Ctrl-C is not meant for ssh, which would take the answer's
# connection along. The name that follows is what others see.
_GUARD = """trap '' INT QUIT HUP
exec 3<&0 </dev/null
"$@" 3<&- & child=$!
{ read -r _ <&3 || { rm -f ./hob.sock; rmdir "$PWD"; }; kill $child; } 2>/dev/null & guard=$!
exec 3<&-
wait $child; status=$?
kill $guard 2>/dev/null
rm -f ./hob.sock
exit $status"""
GUARD_NAME = "hob-tunnel"


class Tunnel:
    """`open` it; then `path` is a door like any other until `close`, or until the connection is lost."""

    def __init__(self, host: Host, folder: Path, *, start: bool = True, may_ask: bool | None = None) -> None:
        """`folder`: of mode 0700, ours. `start`: a daemon there, if none runs. `may_ask`: let ssh use the
        terminal."""
        self.host = host
        self.path = str(folder / SOCKET)
        self._folder = folder
        self._start = start
        self._may_ask = has_terminal() if may_ask is None else may_ask
        self._process: subprocess.Popen[bytes] | None = None
        self._said = _LastWords()

    def open(self) -> None:
        """Returns when the other door has greeted us. Raises HobError, with nothing left behind."""
        if self.is_open():
            return
        program = _find_ssh()
        self._refuse_other_forwards(program)
        remote = self.host.socket or self._ask(program)
        self._spawn(ssh.tunnelling(program, self.host, remote, may_ask=self._may_ask))
        try:
            self._wait_bound()
            self._require_greeting(remote)
        except BaseException:
            self.close()
            raise

    def is_open(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, seconds: float | None = None) -> HobError | None:
        """Blocks until the connection is lost, and returns why it was; None after so long without that."""
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
        return ssh.explain(self._said.text(), self.host)

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError), process.stdin as guard:
                guard.write(b"end\n")
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._said.finish()

    # ------------------------------------------------------------- steps

    def _refuse_other_forwards(self, program: str) -> None:
        """ssh cannot be told to leave out the forwardings of its configuration and to make ours."""
        told = _run(ssh.describing(program, self.host), 30.0, self.host)
        kinds = ssh.forwards_of(told.stdout.decode(errors="replace"))
        if kinds:
            raise NotPermitted(
                f"your ssh configuration also opens {' and '.join(kinds)} for {self.host.name}, which may be "
                "ports; give hob a Host of its own without them"
            )

    def _ask(self, program: str) -> str:
        command = ssh.asking(program, self.host, start=self._start, may_ask=self._may_ask)
        told = _run(command, self._patience(), self.host)
        door = ssh.door_of(told.stdout.decode(errors="replace"))
        if told.returncode or door is None:
            raise ssh.explain(told.stderr.decode(errors="replace"), self.host)
        try:
            return check_socket(door)
        except InvalidRequest as error:
            raise DaemonUnreachable(f"{self.host}: {error.message}") from None

    def _spawn(self, command: list[str]) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)  # of a connection that was killed
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, GUARD_NAME, *command],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._said = _LastWords(self._process)

    def _wait_bound(self) -> None:
        """ssh makes its socket once it is let in."""
        deadline = time.monotonic() + self._patience()
        while not os.path.exists(self.path):
            if not self.is_open():
                self._said.finish()
                raise ssh.explain(self._said.text(), self.host)
            if time.monotonic() > deadline:
                raise DaemonUnreachable(f"ssh to {self.host} took too long; see that `ssh` reaches it")
            time.sleep(_POLL_SECONDS)

    def _require_greeting(self, remote: str) -> None:
        if greets(self.path):
            return
        said = self._said.text()
        raise ssh.explain(said if "prohibited" in said else "open failed", self.host, remote)

    def _patience(self) -> float:
        return _TYPING_SECONDS if self._may_ask else _PATIENCE_SECONDS


class _LastWords:
    """The end of what ssh says: read always, because a full pipe would stop it; kept a little."""

    def __init__(self, process: subprocess.Popen[bytes] | None = None) -> None:
        self._lines: deque[bytes] = deque(maxlen=_LINES_KEPT)
        self._thread: threading.Thread | None = None
        if process is not None:
            self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
            self._thread.start()

    def text(self) -> str:
        return b"".join(self._lines.copy()).decode(errors="replace")

    def finish(self) -> None:
        if self._thread is not None:
            self._thread.join(5)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as said:
            while line := said.readline(_LINE_BYTES):
                self._lines.append(line)


def greets(path: str) -> bool:
    """Whether a daemon is at the other end: ssh takes any connection, but who serves gRPC speaks first."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_GREETING_SECONDS)
        try:
            probe.connect(path)
            return bool(probe.recv(1))
        except OSError:
            return False


def has_terminal() -> bool:
    """Whether somebody could answer what ssh asks."""
    return sys.stdin is not None and sys.stderr is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _find_ssh() -> str:
    program = shutil.which("ssh")
    if program is None:
        raise NotSupported("there is no ssh on the path; install OpenSSH's client")
    return program


def _run(command: list[str], seconds: float, host: Host) -> subprocess.CompletedProcess[bytes]:
    """A short run of ssh. What it prints is the other machine's word: so much of it is looked at, no more."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        said = _Bounded(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DaemonUnreachable(f"ssh to {host} took too long; see that `ssh` reaches it") from None
        finally:
            process.kill()
        return subprocess.CompletedProcess(command, process.returncode, *said.both())


class _Bounded:
    """Reads both pipes of a process, whose end it is if it says more than anybody needs to know."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said = [b"", b""]
        self._threads = [threading.Thread(target=self._read, args=(n,), daemon=True) for n in (0, 1)]
        for thread in self._threads:
            thread.start()

    def both(self) -> tuple[bytes, bytes]:
        for thread in self._threads:
            thread.join(5)
        return self._said[0], self._said[1]

    def _read(self, which: int) -> None:
        pipe = (self._process.stdout, self._process.stderr)[which]
        assert pipe is not None
        while piece := os.read(pipe.fileno(), 4096):
            self._said[which] += piece
            if len(self._said[which]) > _MOST_SAID_BYTES:
                self._process.kill()
                return
