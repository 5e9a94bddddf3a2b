"""The gateway's filter of system calls, as the kernel takes it: bytes, numbers, one call.

Must stay small enough to be read at one sitting, and fail closed. Used by confine.py and porter.py.

The daemon's filters (hobd.sandbox) are another program's: the gateway is installed without the daemon, and
a wall that both lean on would fall for both.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from hob import landlock
from hob_client.errors import NotSupported

ALLOW, NOTIFY, ERRNO, KILL = 0x7FFF0000, 0x7FC00000, 0x00050000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: Calls and their numbers: (x86_64, aarch64).
CALLS = {
    "connect": (42, 203),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "request_key": (249, 218),
    "mount": (165, 40),
    "setns": (308, 268),
    "unshare": (272, 97),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_ABSENT = ("io_uring_setup", "io_uring_enter", "io_uring_register")
_ASKED = ("connect", "socket", "socketpair")
REFUSED = tuple(name for name in CALLS if name not in (*_ABSENT, *_ASKED))

_SECCOMP = (317, 277)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_SIGTERM = 15
_NEW_LISTENER = 1 << 3
_X32_BIT = 0x40000000
_AF_UNIX, _SOCK_STREAM, _TYPE_BITS = 1, 1, 0xF


def machine() -> str:
    """NotSupported where the filters do not know the system."""
    name = os.uname().machine
    if sys.platform != "linux" or name not in ARCHITECTURES:
        raise NotSupported(
            f"the gateway cannot confine itself on {sys.platform} {name}; "
            "say --unconfined to run it with all that you may do"
        )
    return name


def filter_program(name: str) -> bytes:
    """A BPF program: Unix stream sockets only, none bound, and every `connect` is asked of the porter.

    An accepted TCP socket could be taken apart and connected elsewhere; that, too, is a `connect`.
    """
    column = 0 if name == "x86_64" else 1
    lines: list[tuple[int, int, str]] = [
        (_LOAD, 4, ""),
        (_EQUAL, ARCHITECTURES[name], "known"),
        (_RETURN, KILL, ""),
    ]
    lines += [(_LABEL, 0, "known"), (_LOAD, 0, "")]
    if name == "x86_64":
        lines.append((_AT_LEAST, _X32_BIT, "kill"))
    lines += [(_EQUAL, CALLS[call][column], "absent") for call in _ABSENT]
    lines += [(_EQUAL, CALLS[call][column], "refused") for call in REFUSED]
    lines += [(_EQUAL, CALLS["connect"][column], "notify")]
    lines += [(_EQUAL, CALLS[call][column], "family") for call in ("socket", "socketpair")]
    lines += [(_RETURN, ALLOW, "")]
    lines += [(_LABEL, 0, "family"), (_LOAD, 16, ""), (_EQUAL, _AF_UNIX, "type"), (_RETURN, _NO_FAMILY, "")]
    # A datagram socket reaches any door by sendto, without connect.
    lines += [(_LABEL, 0, "type"), (_LOAD, 24, ""), (_AND, _TYPE_BITS, ""), (_EQUAL, _SOCK_STREAM, "allow")]
    lines += [(_RETURN, _NO_FAMILY, "")]
    for label, action in (("allow", ALLOW), ("notify", NOTIFY), ("kill", KILL)):
        lines += [(_LABEL, 0, label), (_RETURN, action, "")]
    lines += [(_LABEL, 0, "absent"), (_RETURN, ERRNO | errno.ENOSYS, "")]
    lines += [(_LABEL, 0, "refused"), (_RETURN, ERRNO | errno.EPERM, "")]
    return _assemble(lines)


_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN, _LABEL = 0x20, 0x54, 0x15, 0x35, 0x06, -1
_NO_FAMILY = ERRNO | errno.EAFNOSUPPORT


def _assemble(lines: list[tuple[int, int, str]]) -> bytes:
    places: dict[str, int] = {}
    code: list[tuple[int, int, str]] = []
    for operation, constant, label in lines:
        if operation == _LABEL:
            places[label] = len(code)
        else:
            code.append((operation, constant, label))
    return b"".join(
        struct.pack("<HBBI", operation, places[label] - at - 1 if label else 0, 0, constant)
        for at, (operation, constant, label) in enumerate(code)
    )


def be_private() -> None:
    """Nobody of this user reads its memory, it gains no rights, and it ends with the porter."""
    wishes = ((_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_PDEATHSIG, _SIGTERM))
    for option, value in wishes:
        if _libc().prctl(option, *(ctypes.c_ulong(number) for number in (value, 0, 0, 0))):
            raise _failed("prctl")


def install(name: str) -> int:
    """For this thread and all that it starts; the descriptor on which each `connect` is asked."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    code = filter_program(name)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(buffer))
    listener: int = _libc().syscall(
        ctypes.c_long(_SECCOMP[0 if name == "x86_64" else 1]),
        ctypes.c_ulong(1),
        ctypes.c_ulong(_NEW_LISTENER),
        ctypes.byref(program),
    )
    if listener < 0:
        raise _failed("seccomp")
    return listener


def restrict_files(readable: list[str]) -> bool:
    """Only what is below these is read, nothing written; no TCP. False without Landlock."""
    try:
        landlock.restrict((path, landlock.READ) for path in readable)
    except NotImplementedError:
        return False
    except OSError as error:
        raise _failed("landlock", error.errno) from None
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _failed(what: str, number: int | None = None) -> NotSupported:
    reason = os.strerror(number or ctypes.get_errno())
    return NotSupported(
        f"the kernel did not confine the gateway ({what}: {reason}); say --unconfined to run it without"
    )
