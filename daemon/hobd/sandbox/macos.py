"""The walls of macOS: Seatbelt for a worker, and limits of the kernel's for what comes after.

Must never pass for more than it is: written from documentation, tested in its parts, run on no Mac yet. The
daemon has no wall here, so it starts only where the configuration accepts that. Called through enter.py.

A profile cannot be put on twice, nor a process below a confined one be confined otherwise: so the daemon,
whose children workers are, goes without. A worker has its whole profile from the start; `enclose` takes away
the room for new descriptors.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys

from hobd.sandbox import hygiene, seatbelt
from hobd.sandbox.confinement import Confinement
from hobd.sandbox.failure import TO_RUN_PARTIALLY, NoSuchWall, SandboxError

_PT_DENY_ATTACH = 31


def be_private() -> None:
    """No core files, and no debugger of this user comes in."""
    hygiene.forbid_cores()
    if ctypes.CDLL(None, use_errno=True).ptrace(_PT_DENY_ATTACH, 0, None, 0):
        raise SandboxError(f"macOS did not refuse debuggers ({os.strerror(ctypes.get_errno())})")


def enter_daemon() -> Confinement:
    raise NoSuchWall(
        f"on macOS workers can be confined, and the daemon that starts them cannot; {TO_RUN_PARTIALLY}"
    )


def forbid_connect(confinement: Confinement) -> Confinement:
    """Never reached: there is no daemon with walls."""
    raise NoSuchWall(f"macOS cannot keep the daemon from connecting; {TO_RUN_PARTIALLY}")


def enter_worker(*, has_file_wall: bool = True, is_partial: bool = False) -> Confinement:
    """Everything but its code and its own sockets is denied, with or without `has_file_wall`. SandboxError.

    Whole here, so `is_partial` changes nothing: what is missing is the daemon's.
    """
    be_private()
    _put_on(seatbelt.worker_profile(_code()))
    _require_refused()
    return Confinement("no-network, no-exec, file wall (Seatbelt)", "private (no core)")


def enclose(confinement: Confinement, *, closes_files: bool) -> tuple[Confinement, None]:
    """No room for another descriptor. Who computes on a GPU keeps that. Nobody hears of refusals here."""
    if closes_files:
        hygiene.forbid_new_files()
    closed = "no-files (limit)" if closes_files else "files of its code only"
    return Confinement(*confinement.mechanisms, closed), None


def _code() -> list[str]:
    """Where this interpreter and its modules are: real paths, which are what Seatbelt compares."""
    folders = {sys.prefix, sys.base_prefix, *(path for path in sys.path if os.path.isdir(path))}
    return sorted(map(os.path.realpath, folders))


def _put_on(profile: str) -> None:
    library = ctypes.CDLL("/usr/lib/libsandbox.1.dylib", use_errno=True)
    library.sandbox_init.argtypes = (ctypes.c_char_p, ctypes.c_uint64, ctypes.POINTER(ctypes.c_char_p))
    why = ctypes.c_char_p()
    if library.sandbox_init(profile.encode(), 0, ctypes.byref(why)):
        told = (why.value or b"no reason given").decode("utf-8", "replace")[:200]
        raise SandboxError(f"macOS did not take the worker's profile ({told}); report this")


def _require_refused() -> None:
    """SandboxError if any wall does not stand: around files, programs and networks."""
    attempts = {
        "list the root": lambda: os.listdir("/"),
        "run a program": _run,
        "bind a network socket": _bind,
    }
    for what, attempt in attempts.items():
        try:
            attempt()
        except PermissionError:
            continue
        except OSError as error:
            raise SandboxError(f"a worker that tried to {what} met {error.strerror}, not the wall") from None
        raise SandboxError(f"macOS took the worker's profile, yet it could still {what}; report this")


def _run() -> None:
    """In a child, which a program that starts would replace."""
    if (child := os.fork()) == 0:
        try:
            os.execv("/usr/bin/true", ["true"])
        except OSError as error:
            os._exit(error.errno or errno.EIO)
    if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(status, os.strerror(status))


def _bind() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
