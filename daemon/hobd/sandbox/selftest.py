"""A process walks into its own walls and tells what each did: the inside half of `hob attest`.

Must need no file (a loaded worker may open none), and must be harmless where a wall is missing: every attempt
has arguments that do nothing but fail in another way, or is undone at once. Run by the daemon, by workers
and by their children; their words are hostile to the broker, which looks from outside as well (observing.py).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hobd.sandbox.syscalls import number, this_machine

if sys.platform != "win32":
    import fcntl
    import resource


class Finding(NamedTuple):
    """What was found of one property of this process."""

    property: str
    held: bool
    observed: str


#: How a wall answers. Whatever else comes back, nobody stood in the way.
_REFUSALS = frozenset((errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EMFILE))
_NOBODY = -1  # as a descriptor, or a process
_UNIX, _STREAM, _DGRAM = 1, 1, 2
_FAMILIES = {"inet": 2, "inet6": 10, "netlink": 16, "packet": 17}
_PR_GET_DUMPABLE, _PR_GET_SECCOMP, _PR_GET_NO_NEW_PRIVS = 3, 21, 39
_SECCOMP_FILTERS = 2
_MOST_DESCRIPTORS = 4096
_MOST_CHARACTERS = 300
_NULL_DEVICES = frozenset((1 << 8) + minor for minor in (3, 5, 8, 9))  # /dev/null, zero, random, urandom

#: property: raw calls by the name of what they would do. Names of calls need no more words.
_CALLS: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "no_network_sockets": {
        name: ("socket", (family, _DGRAM if name == "packet" else _STREAM, 0))
        for name, family in _FAMILIES.items()
    },
    "no_io_uring": {"io_uring_setup": ("io_uring_setup", (0, 0))},
    "no_spying": {
        "ptrace": ("ptrace", (_NOBODY, 0, 0, 0)),
        "process_vm_readv": ("process_vm_readv", (_NOBODY, 0, 0, 0, 0, 0)),
        "pidfd_getfd": ("pidfd_getfd", (_NOBODY, 0, 0)),
    },
    "no_kernel_programs": {
        "bpf": ("bpf", (_NOBODY, 0, 0)),
        "perf_event_open": ("perf_event_open", (0, 0, 0, _NOBODY, 0)),
        "userfaultfd": ("userfaultfd", (_NOBODY,)),
    },
    "no_connect": {"connect": ("connect", (_NOBODY, 0, 0))},
    "no_local_sockets": {
        "unix stream": ("socket", (_UNIX, _STREAM, 0)),
        "unix datagram": ("socket", (_UNIX, _DGRAM, 0)),
        "bind": ("bind", (_NOBODY, 0, 0)),
        "listen": ("listen", (_NOBODY, 0)),
    },
    "no_exec": {"execve": ("execve", (0, 0, 0)), "execveat": ("execveat", (_NOBODY, 0, 0, 0, 0))},
    "no_namespaces": {"unshare": ("unshare", (0,)), "setns": ("setns", (_NOBODY, 0))},
    "no_keyrings": {"keyctl": ("keyctl", (0xFFFF, 0, 0, 0, 0))},
}
#: What the daemon must not be able to do. It does start programs: its workers.
DAEMON = ("no_network_sockets", "no_io_uring", "no_spying", "no_kernel_programs", "no_connect")
#: What an expendable child of a worker must not be able to do. No room for descriptors is no file, too.
CHILD = (
    *DAEMON,
    *("no_local_sockets", "no_exec", "no_namespaces", "no_keyrings"),
    "no_files",
)
#: What a worker that has loaded its model must not be able to do.
WORKER = (*CHILD, "no_new_code", "no_signals")
#: What every process of ours must be, as the kernel says of it.
STATE = ("filtered", "no_new_privileges", "not_dumpable", "no_core_files", "descriptors")


def run(properties: tuple[str, ...], other_pid: int = 0) -> list[Finding]:
    """Tries `properties` and reads STATE. `other_pid`: a process that signals must not reach.

    On other systems than Linux nothing is tried, and so nothing is said to hold.
    """
    if sys.platform != "linux":
        told = f"not shown: hob does not know how to try it on {sys.platform} yet"
        return [Finding(name, False, told) for name in (*properties, *STATE)]
    return [_tried(name, _attempts(name, other_pid)) for name in properties] + list(_state())


def describe(kind: str, kinds: list[str]) -> str:
    """`2 pipe, 1 file` of a list of kinds, `kind` being what they all are."""
    counts = {each: kinds.count(each) for each in sorted(set(kinds))}
    return f"{kind}: " + (", ".join(f"{count} {each}" for each, count in counts.items()) or "none")


def descriptors() -> Iterator[tuple[int, str]]:
    """What this process has open, by kind; a kind says of whom it is no more than the kernel does."""
    if sys.platform == "win32":
        return  # it has handles, which have no order that one could walk
    for fd in range(_MOST_DESCRIPTORS):
        try:
            fcntl.fcntl(fd, fcntl.F_GETFD)
            yield fd, _kind(fd)
        except OSError:
            continue  # none of that number, or closed by another thread meanwhile


# ------------------------------------------------------------------ attempts


def _attempts(name: str, other_pid: int) -> Iterator[tuple[str, int]]:
    """Each attempt, and the errno that it ended with; 0 for one that went through."""
    if name in _CALLS:
        return ((what, _errno_of(*call)) for what, call in _CALLS[name].items())
    python: dict[str, dict[str, Callable[[], None]]] = {
        "no_files": {
            "read /etc/passwd": lambda: _open("/etc/passwd", os.O_RDONLY),
            "list /": lambda: _open("/", os.O_RDONLY | os.O_DIRECTORY),
            # A file without a name: nothing is left of it where this goes through.
            "write to /tmp": lambda: _open("/tmp", os.O_RDWR | getattr(os, "O_TMPFILE", os.O_DIRECTORY)),
        },
        "no_new_code": {"map memory to run": _map_code},
        "no_signals": {"signal the daemon": lambda: os.kill(other_pid, 0)},  # 0: only asks whether it may
    }
    return ((what, _errno_raised(attempt)) for what, attempt in python[name].items())


def _tried(name: str, attempts: Iterator[tuple[str, int]]) -> Finding:
    refused: dict[str, list[str]] = {}
    passed: list[str] = []
    for what, code in attempts:
        if code in _REFUSALS:
            refused.setdefault(errno.errorcode[code], []).append(what)
        else:
            passed.append(f"{what} ({errno.errorcode.get(code, code)})" if code else what)
    words = [f"not stopped: {', '.join(passed)}"] if passed else []
    words += [f"refused ({code}): {', '.join(names)}" for code, names in refused.items()]
    return Finding(name, not passed, "; ".join(words)[:_MOST_CHARACTERS])


def _errno_of(call: str, arguments: tuple[int, ...]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(value) for value in (number(call, this_machine()), *arguments)))
    if result < 0:
        return ctypes.get_errno()
    if call == "socket":
        os.close(result)
    return 0


def _errno_raised(attempt: Callable[[], None]) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _open(path: str, flags: int) -> None:
    os.close(os.open(path, flags | os.O_CLOEXEC))


def _map_code() -> None:
    mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()


# ------------------------------------------------------------------ what it is


def _state() -> Iterator[Finding]:
    mode = _prctl(_PR_GET_SECCOMP)
    told = "a filter of system calls lies over it" if mode == _SECCOMP_FILTERS else f"seccomp mode {mode}"
    yield Finding("filtered", mode == _SECCOMP_FILTERS, told)
    bound = _prctl(_PR_GET_NO_NEW_PRIVS)
    yield Finding("no_new_privileges", bound == 1, f"no_new_privs is {bound}")
    dumpable = _prctl(_PR_GET_DUMPABLE)
    yield Finding("not_dumpable", dumpable == 0, f"dumpable is {dumpable}")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    yield Finding(
        "no_core_files", (soft, hard) == (0, 0), f"the limit of core files is {soft}, {hard} at most"
    )
    kinds = [kind for fd, kind in descriptors() if not (fd < 3 and kind in _STDIO)]
    odd = [kind for kind in kinds if kind not in _EXPECTED]
    told = f"{describe('unexpected', odd)}; " if odd else ""
    yield Finding("descriptors", not odd, (told + describe("open", kinds))[:_MOST_CHARACTERS])


#: What any of our processes may hold: its wire, its children's ends, shared memory, device nodes.
_EXPECTED = frozenset(
    ("unix socket", "pipe", "kernel object", "shared memory", "null device", "graphics device")
)
#: What 0, 1 and 2 may be besides: where the log goes.
_STDIO = _EXPECTED | {"file", "terminal"}


def _prctl(option: int) -> int:
    zeros = (ctypes.c_ulong(0) for _ in range(4))
    return int(ctypes.CDLL(None, use_errno=True).prctl(ctypes.c_int(option), *zeros))


def _kind(fd: int) -> str:
    found = os.fstat(fd)
    if stat.S_ISSOCK(found.st_mode):
        return _socket_kind(fd)
    if stat.S_ISCHR(found.st_mode):
        if found.st_rdev in _NULL_DEVICES:
            return "null device"
        return "terminal" if os.isatty(fd) else "graphics device"
    if stat.S_ISREG(found.st_mode):
        return "shared memory" if found.st_nlink == 0 else "file"
    kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISDIR, "directory"), (stat.S_ISBLK, "disk"))
    return next((name for is_kind, name in kinds if is_kind(found.st_mode)), "kernel object")


def _socket_kind(fd: int) -> str:
    borrowed = socket.socket(fileno=fd)
    try:
        family = borrowed.family
    finally:
        borrowed.detach()
    return "unix socket" if family == socket.AF_UNIX else f"network socket (family {int(family)})"
