"""Takes from the gateway what it does not need, after it listens and before it reads the first byte.

Must be entered before threads and gRPC; a wall that does not stand ends the program.
Called by server.py. The picture: `hob gateway run` forks; the parent is the porter, the child serves.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from hob_client.errors import HobError, NotSupported
from hob_client.program_paths import program_paths

from hob_gateway import kernel, porter


def run_confined(
    door: str, readable: list[str], sockets: list[socket.socket], serve: Callable[[str], int]
) -> int:
    """The exit code of `serve`, which runs in a child that reaches its door and nothing else."""
    name = kernel.machine()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        ours.close()
        _serve_in_child(theirs, name, readable, serve)
    theirs.close()
    for listening in sockets:
        listening.close()
    _hand_on_signals(child)
    listener = _receive_descriptor(ours)
    if listener is not None:
        porter.serve(listener, door, ours.fileno())
        os.close(listener)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return 0 if code == -signal.SIGTERM else code  # it was asked to end, and did


def _serve_in_child(
    line: socket.socket, name: str, readable: list[str], serve: Callable[[str], int]
) -> NoReturn:
    code = 1
    try:
        words = _enter(line, name, readable)
        code = serve(words)
    except KeyboardInterrupt:
        code = 0
    except HobError as error:
        sys.stderr.write(f"hob: {error.message}\n")
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {os.path.basename(last.filename)} line {last.lineno}"
        sys.stderr.write(f"hob: this is a bug of the gateway ({place}); please report it\n")
        if os.environ.get("HOB_DEBUG") == "1":
            traceback.print_exception(error)
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)  # nothing of the parent's is to be cleaned up twice


def _enter(line: socket.socket, name: str, readable: list[str]) -> str:
    """What holds this process, in words."""
    kernel.be_private()
    has_files = kernel.restrict_files([*program_paths(), *readable])
    listener = kernel.install(name)
    socket.send_fds(line, [b"!"], [listener])
    os.close(listener)
    _prove()
    files = "reads its program only (landlock)" if has_files else "files are not confined (no landlock)"
    return f"reaches its door only (seccomp), {files}, private (not dumpable)"


def _prove() -> None:
    """Walks into the walls."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return
    raise NotSupported("the kernel took the filter, yet the gateway could still make a network socket")


def _receive_descriptor(line: socket.socket) -> int | None:
    """None if the child ended without one."""
    _, ancillary, _, _ = line.recvmsg(1, socket.CMSG_SPACE(array.array("i", [0]).itemsize))
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            return array.array("i", content)[0]
    return None


def _hand_on_signals(child: int) -> None:
    def hand_on(number: int, frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells the child, too, and twice means at once
