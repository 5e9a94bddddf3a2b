"""Whether the gateway's walls stand: it walks into them.

Must try only what does no harm where no wall is, and report what the kernel said. Called by picture.py.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

_PR_GET_DUMPABLE, _PR_GET_NO_NEW_PRIVS = 3, 39


def evidence() -> list[dict[str, Any]]:
    """One record for each wall, as `hob attest` has them."""
    return [_attempt(name, attempt, expected) for name, (attempt, expected) in _ATTEMPTS.items()] + [
        _observed("private_memory", _PR_GET_DUMPABLE, 0),
        _observed("no_new_privileges", _PR_GET_NO_NEW_PRIVS, 1),
    ]


def _attempt(name: str, attempt: Callable[[], None], expected: int) -> dict[str, Any]:
    try:
        attempt()
        observed, held = "it was allowed", False
    except OSError as error:
        observed, held = errno.errorcode.get(error.errno or 0, str(error)), error.errno == expected
    return _record(name, held, f"tried it: {observed}")


def _observed(name: str, option: int, expected: int) -> dict[str, Any]:
    if sys.platform != "linux":
        return _record(name, False, "only Linux tells")
    value = ctypes.CDLL(None).prctl(option, *(ctypes.c_ulong(0) for _ in range(4)))
    return _record(name, value == expected, f"the kernel says {value}, and {expected} is right")


def _record(name: str, held: bool, observed: str) -> dict[str, Any]:
    told = {"property": name, "subject": "gateway", "held": held, "observed": observed}
    return told | {"source": "itself", "pid": os.getpid(), "remedy": ""}


def _network_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()


def _datagram_socket() -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()


def _listening() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unbound:
        unbound.bind("")  # a name that the kernel makes up, gone with the socket


def _program() -> None:
    os.execv("/nowhere/no-such-program", ["none"])


def _file_of_others() -> None:
    os.close(os.open("/etc/passwd", os.O_RDONLY))


def _writing() -> None:
    os.close(os.open(os.devnull, os.O_WRONLY))


#: What is tried, and what the kernel answers where the wall stands.
_ATTEMPTS: dict[str, tuple[Callable[[], None], int]] = {
    "no_network_sockets": (_network_socket, errno.EAFNOSUPPORT),
    "no_datagrams": (_datagram_socket, errno.EAFNOSUPPORT),
    "no_new_listeners": (_listening, errno.EPERM),
    "no_programs": (_program, errno.EPERM),
    "reads_its_program_only": (_file_of_others, errno.EACCES),
    "writes_nothing": (_writing, errno.EACCES),
}
