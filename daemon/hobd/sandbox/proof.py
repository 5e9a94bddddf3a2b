"""Shows that the walls stand, by walking into them.

Must be harmless where a wall is missing: every attempt has arguments that do nothing but fail in another way.
Used by enter.py right after a filter was installed, and by whoever attests it later.
"""

from __future__ import annotations

import ctypes
import errno
import os

from hobd.sandbox import tripwire
from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError
from hobd.sandbox.syscalls import number, this_machine

_AF_INET = 2
_SOCK_STREAM = 1
_SOL_SOCKET = 1
_SO_DOMAIN = 39
_AF_UNIX = 1
_NO_DESCRIPTOR = -1
_NOBODY = 1 << 30  # above all process ids
_PROT_EXEC = 4
_FOREIGN_FOLDER = "/"
_PATIENCE_MS = 2000

Attempt = tuple[str, str, tuple[int, ...], int]
#: What is tried, by which call, with which arguments, and the errno of a standing wall.
NO_NETWORK: tuple[Attempt, ...] = (
    ("make a network socket", "socket", (_AF_INET, _SOCK_STREAM, 0), errno.ENOSYS),
    ("set up io_uring", "io_uring_setup", (0, 0), errno.ENOSYS),
    ("trace a process", "ptrace", (_NO_DESCRIPTOR, 0, 0, 0), errno.ENOSYS),
)
NO_CONNECT: tuple[Attempt, ...] = (("connect", "connect", (_NO_DESCRIPTOR, 0, 0), errno.ENOSYS),)
WORKER: tuple[Attempt, ...] = (
    *NO_NETWORK,
    *NO_CONNECT,
    ("listen", "listen", (_NO_DESCRIPTOR, 0), errno.ENOSYS),
    ("run a program", "execve", (0, 0, 0), errno.ENOSYS),
    ("make a local socket", "socket", (_AF_UNIX, _SOCK_STREAM, 0), errno.ENOSYS),
    ("enter a namespace", "setns", (_NO_DESCRIPTOR, 0), errno.ENOSYS),
)

#: A process with a listener. The numbers are valid nowhere: where a wall is missing, nothing happens.
HEARD: tuple[Attempt, ...] = (
    ("make a local socket", "socket", (_AF_UNIX, _SOCK_STREAM, 0), errno.EPERM),
    ("trace a process", "ptrace", (_NO_DESCRIPTOR, 0, 0, 0), errno.EPERM),
    ("signal a process", "kill", (_NOBODY, 0), errno.EPERM),
)
ENCLOSED: tuple[Attempt, ...] = (
    *HEARD,
    ("open a file", "openat", (_NO_DESCRIPTOR, 0, 0), errno.EPERM),
    ("remove a file", "unlinkat", (_NO_DESCRIPTOR, 0, 0), errno.EPERM),
    ("make memory executable", "mprotect", (0, 0, _PROT_EXEC), errno.EPERM),
)


def require(attempts: tuple[Attempt, ...]) -> None:
    """SandboxError if any attempt was not refused as it should have been."""
    for purpose, call, arguments, expected in attempts:
        if _errno_of(call, arguments) != expected:
            raise SandboxError(
                f"the kernel took the filter, yet the process could still {purpose}; {TO_RUN_WITHOUT}"
            )


def require_heard(listener: int, attempts: tuple[Attempt, ...]) -> None:
    """SandboxError if any attempt is not refused, or the listener is not told of it."""
    import threading  # costs more than the rest of this folder; whoever comes here has it already

    heard: list[str] = []

    def answer() -> None:
        for _ in attempts:
            if (attempt := tripwire.next_attempt(listener, timeout_ms=_PATIENCE_MS)) is None:
                return
            heard.append(attempt.call)
            tripwire.refuse(listener, attempt)

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        require(attempts)
    finally:
        answering.join()
    if heard != [call for _, call, _, _ in attempts]:
        raise SandboxError(f"the kernel refused calls and did not tell of them; {TO_RUN_WITHOUT}")


def require_file_wall() -> None:
    """SandboxError if a file outside of what a worker needs can still be opened."""
    try:
        os.close(os.open(_FOREIGN_FOLDER, os.O_RDONLY | os.O_DIRECTORY))
    except PermissionError:
        return
    raise SandboxError(
        f"the kernel took the file wall, yet the process could still list {_FOREIGN_FOLDER}; {TO_RUN_WITHOUT}"
    )


def refuse_network_descriptors() -> None:
    """SandboxError if a network socket was inherited: filters stop new ones only."""
    for name in os.listdir("/proc/self/fd"):
        family = _socket_family(int(name))
        if family not in (None, _AF_UNIX):
            raise SandboxError(
                f"the process was started with a network socket (address family {family}) open as "
                f"descriptor {name}; start it without"
            )


def _errno_of(call: str, arguments: tuple[int, ...]) -> int:
    """The errno of a raw system call, 0 if it went through."""
    libc = ctypes.CDLL(None, use_errno=True)
    as_longs = (ctypes.c_long(value) for value in (number(call, this_machine()), *arguments))
    result = libc.syscall(*as_longs)
    if result >= 0 and call == "socket":
        os.close(result)
    return 0 if result >= 0 else ctypes.get_errno()


def _socket_family(descriptor: int) -> int | None:
    """None for whatever is no socket, and for the descriptor that listed the others, closed by now."""
    libc = ctypes.CDLL(None, use_errno=True)
    family, size = ctypes.c_int(), ctypes.c_uint(ctypes.sizeof(ctypes.c_int))
    if libc.getsockopt(descriptor, _SOL_SOCKET, _SO_DOMAIN, ctypes.byref(family), ctypes.byref(size)):
        return None
    return family.value
