"""Filters of system calls: no network for anyone, and next to no way out of a worker.

Must fail closed: what cannot be installed is a SandboxError, and calls by a foreign convention kill.
Used by enter.py; tested through tests/fakes/bpf_machine.py and in real processes.
"""

from __future__ import annotations

import ctypes
import errno
import os

from hobd.sandbox.bpf import Program
from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError
from hobd.sandbox.hygiene import forbid_new_privileges
from hobd.sandbox.syscalls import ARCHITECTURES, number, this_machine

KILL = 0x80000000  # the whole process
ERRNO = 0x00050000  # refuse with the errno in the low half
ALLOW = 0x7FFF0000

# Reading or steering other processes of the same user. Each process is also not dumpable (hygiene.py).
_OTHER_PROCESSES = ("kcmp", "pidfd_getfd", "process_vm_readv", "process_vm_writev", "ptrace")
#: What the daemon never does, besides network.
DAEMON_DENIES = (*_OTHER_PROCESSES, "bpf", "perf_event_open", "userfaultfd")
#: What a worker never does. The daemon may make namespaces, for workers to be born into.
WORKER_DENIES = (
    *DAEMON_DENIES,
    *("execve", "execveat"),
    *("bind", "connect", "listen"),
    *("add_key", "keyctl", "request_key"),
    *("chroot", "fsopen", "mount", "mount_setattr", "move_mount", "open_tree", "pivot_root", "umount2"),
    *("open_by_handle_at", "setns", "unshare"),
)

# io_uring makes sockets without the socket call, past any filter on it. ENOSYS lets libraries fall back.
_IO_URING = ("io_uring_enter", "io_uring_register", "io_uring_setup")
_AF_UNIX = 1
_SOCK_STREAM = 1
_SOCKET_TYPE_BITS = 0xF  # the rest of the argument is SOCK_CLOEXEC and SOCK_NONBLOCK
# x32 calls carry this bit under the x86_64 arch value, and would pass as unknown numbers.
_X32_BIT = 0x40000000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. NEWTIME is clone3's and unshare's alone.
_NEW_NAMESPACES = 0x7E020000
# Terminal requests that type input for whoever reads the terminal next: the user's shell.
_TYPE_INTO_TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_SECCOMP_SET_MODE_FILTER = 1
_TSYNC = 1


def no_network(deny: tuple[str, ...] = (), *, machine: str | None = None) -> bytes:
    """AF_UNIX is the only family; no io_uring; every call in `deny` fails with EPERM."""
    program, machine = _begin(machine)
    _answer_calls(program, machine, _IO_URING, "absent")
    _answer_calls(program, machine, deny, "refused")
    _answer_calls(program, machine, ("socket", "socketpair"), "family")
    program.answer(ALLOW)
    program.label("family")
    program.load_argument(0)
    program.jump_if_equal(_AF_UNIX, "allowed")
    program.answer(ERRNO | errno.EAFNOSUPPORT)
    return _end(program)


def worker_filter(*, machine: str | None = None) -> bytes:
    """One model and the sockets it was born with: nothing new to talk to, nothing to run, no namespaces.

    A deny-list, since libraries still load and a renderer is still forked under it. An allow-list for the
    time after loading would be one more function here.
    """
    program, machine = _begin(machine)
    # clone3 hides its flags behind a pointer. On ENOSYS libraries fall back to clone, whose flags we see.
    _answer_calls(program, machine, (*_IO_URING, "clone3"), "absent")
    _answer_calls(program, machine, WORKER_DENIES, "refused")
    # An unconnected datagram socket reaches any door by sendto, without connect: so no socket at all.
    _answer_calls(program, machine, ("socket",), "no family")
    _answer_calls(program, machine, ("socketpair",), "pair")
    _answer_calls(program, machine, ("clone",), "clone")
    _answer_calls(program, machine, ("ioctl",), "ioctl")
    program.answer(ALLOW)

    program.label("pair")  # stream pairs only: one of datagrams has sendto as well
    program.load_argument(1)
    program.keep_bits(_SOCKET_TYPE_BITS)
    program.jump_if_equal(_SOCK_STREAM, "family")
    program.label("no family")
    program.answer(ERRNO | errno.EAFNOSUPPORT)
    program.label("family")
    program.load_argument(0)
    program.jump_if_equal(_AF_UNIX, "allowed")
    program.answer(ERRNO | errno.EAFNOSUPPORT)

    program.label("clone")
    program.load_argument(0)
    program.jump_if_any_bit(_NEW_NAMESPACES, "refused")
    program.answer(ALLOW)

    program.label("ioctl")
    program.load_argument(1)
    for request in _TYPE_INTO_TERMINAL:
        program.jump_if_equal(request, "refused")
    return _end(program)


def no_calls(deny: tuple[str, ...], *, machine: str | None = None) -> bytes:
    """Every call in `deny` fails with EPERM; to be laid over a filter that is already there."""
    program, machine = _begin(machine)
    _answer_calls(program, machine, deny, "refused")
    return _end(program)


def install(program: bytes) -> None:
    """Lays `program` over every thread of this process and over all it will start; never to be taken off."""
    machine = this_machine()
    forbid_new_privileges()  # or the kernel takes filters from root alone
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Header(len(program) // 8, ctypes.addressof(instructions))
    # TSYNC: threads older than the filter are held by it too, or the call names one that cannot be.
    result = libc.syscall(
        ctypes.c_long(number("seccomp", machine)), _SECCOMP_SET_MODE_FILTER, _TSYNC, ctypes.byref(header)
    )
    if result:
        reason = os.strerror(ctypes.get_errno()) if result < 0 else f"thread {result} could not be covered"
        raise SandboxError(f"the kernel did not take the seccomp filter ({reason}); {TO_RUN_WITHOUT}")


class _Header(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def _begin(machine: str | None) -> tuple[Program, str]:
    """The part before any policy: only this machine's own calls go on; leaves the number loaded."""
    machine = machine or this_machine()
    program = Program()
    program.load_arch()
    program.jump_if_equal(ARCHITECTURES[machine], "own convention")
    program.answer(KILL)  # int 0x80 and the like: other numbers, so no rule below would mean what it says
    program.label("own convention")
    program.load_number()
    if machine == "x86_64":
        program.jump_if_at_least(_X32_BIT, "killed")
    return program, machine


def _answer_calls(program: Program, machine: str, names: tuple[str, ...], label: str) -> None:
    for name in names:
        program.jump_if_equal(number(name, machine), label)


def _end(program: Program) -> bytes:
    """What no rule named is allowed; then the answers that rules jump to."""
    program.label("allowed")
    program.answer(ALLOW)
    for label, action in _ANSWERS:
        program.label(label)
        program.answer(action)
    return program.assemble()


_ANSWERS = (("refused", ERRNO | errno.EPERM), ("absent", ERRNO | errno.ENOSYS), ("killed", KILL))
