"""Shows that the walls stand, by walking into them.

Must be harmless where a wall is missing: every attempt has arguments that do nothing but fail in another way.
Used by linux.py right after a filter was installed, and by whoever attests it later.
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
_LISTEN_MS = 1

Attempt = tuple[str, str, tuple[int, ...]]
#: How a wall answers, ours or one around it (a service manager's). Where none is, arguments like these fail
#: in other ways.
_REFUSALS = frozenset((errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT))
#: What is tried, by which call, with which arguments.
NO_NETWORK: tuple[Attempt, ...] = (
    ("make a network socket", "socket", (_AF_INET, _SOCK_STREAM, 0)),
    ("set up io_uring", "io_uring_setup", (0, 0)),
    ("trace a process", "ptrace", (_NO_DESCRIPTOR, 0, 0, 0)),
)
NO_CONNECT: tuple[Attempt, ...] = (("connect", "connect", (_NO_DESCRIPTOR, 0, 0)),)
WORKER: tuple[Attempt, ...] = (
    *NO_NETWORK,
    *NO_CONNECT,
    ("listen", "listen", (_NO_DESCRIPTOR, 0)),
    ("run a program", "execve", (0, 0, 0)),
    ("make a local socket", "socket", (_AF_UNIX, _SOCK_STREAM, 0)),
    ("enter a namespace", "setns", (_NO_DESCRIPTOR, 0)),
)

#: A process with a listener. The numbers are valid nowhere: where a wall is missing, nothing happens.
HEARD: tuple[Attempt, ...] = (
    ("make a local socket", "socket", (_AF_UNIX, _SOCK_STREAM, 0)),
    ("trace a process", "ptrace", (_NO_DESCRIPTOR, 0, 0, 0)),
    ("signal a process", "kill", (_NOBODY, 0)),
)
ENCLOSED: tuple[Attempt, ...] = (
    *HEARD,
    ("open a file", "openat", (_NO_DESCRIPTOR, 0, 0)),
    ("remove a file", "unlinkat", (_NO_DESCRIPTOR, 0, 0)),
    ("make memory executable", "mprotect", (0, 0, _PROT_EXEC)),
)


def require(attempts: tuple[Attempt, ...]) -> None:
    """SandboxError if any attempt was not refused as it should have been."""
    for purpose, call, arguments in attempts:
        if _errno_of(call, arguments) not in _REFUSALS:
            raise SandboxError(
                f"the kernel took the filter, yet the process could still {purpose}; {TO_RUN_WITHOUT}"
            )


def require_heard(listener: int, attempts: tuple[Attempt, ...]) -> None:
    """SandboxError if any attempt is not refused, or the listener is not told of the first of them.

    Of the others it may not be told: where a service manager's filter refuses a call, the kernel asks no
    further. No such filter forbids us the first one.
    """
    import threading  # costs more than the rest of this folder; whoever comes here has it already

    heard: list[str] = []
    is_over = threading.Event()

    def answer() -> None:
        while not is_over.is_set():
            if (attempt := tripwire.next_attempt(listener, timeout_ms=_LISTEN_MS)) is not None:
                heard.append(attempt.call)
                tripwire.refuse(listener, attempt)

    answering = threading.Thread(target=answer)
    answering.start()
    try:
        require(attempts)
    finally:
        is_over.set()
        answering.join()
    if attempts[0][1] not in heard:
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
