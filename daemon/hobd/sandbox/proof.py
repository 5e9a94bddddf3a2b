"""Shows that the walls stand, by walking into them.

Must be harmless where a wall is missing: every attempt has arguments that do nothing but fail in another way.
Used by enter.py right after a filter was installed, and by whoever attests it later.
"""

from __future__ import annotations

import ctypes
import errno
import os

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError
from hobd.sandbox.syscalls import number, this_machine

_AF_INET = 2
_SOCK_STREAM = 1
_SOL_SOCKET = 1
_SO_DOMAIN = 39
_AF_UNIX = 1
_NO_DESCRIPTOR = -1

Attempt = tuple[str, str, tuple[int, ...], int]
#: What is tried, by which call, with which arguments, and the errno of a standing wall.
NO_NETWORK: tuple[Attempt, ...] = (
    ("make a network socket", "socket", (_AF_INET, _SOCK_STREAM, 0), errno.EAFNOSUPPORT),
    ("set up io_uring", "io_uring_setup", (0, 0), errno.ENOSYS),
    ("trace a process", "ptrace", (_NO_DESCRIPTOR, 0, 0, 0), errno.EPERM),
)
NO_CONNECT: tuple[Attempt, ...] = (("connect", "connect", (_NO_DESCRIPTOR, 0, 0), errno.EPERM),)
WORKER: tuple[Attempt, ...] = (
    *NO_NETWORK,
    *NO_CONNECT,
    ("listen", "listen", (_NO_DESCRIPTOR, 0), errno.EPERM),
    ("run a program", "execve", (0, 0, 0), errno.EPERM),
    ("make a local socket", "socket", (_AF_UNIX, _SOCK_STREAM, 0), errno.EAFNOSUPPORT),
    ("enter a namespace", "setns", (_NO_DESCRIPTOR, 0), errno.EPERM),
)


def require(attempts: tuple[Attempt, ...]) -> None:
    """SandboxError if any attempt was not refused as it should have been."""
    for purpose, call, arguments, expected in attempts:
        if _errno_of(call, arguments) != expected:
            raise SandboxError(
                f"the kernel took the seccomp filter, yet the process could still {purpose}; {TO_RUN_WITHOUT}"
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
