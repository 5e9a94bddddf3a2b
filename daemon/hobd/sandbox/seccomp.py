"""Filters of system calls: no network for anyone, and next to no way out of a worker.

Must fail closed: what cannot be installed is a SandboxError, and calls by a foreign convention kill.
Used by linux.py; tested through tests/fakes/bpf_machine.py and in real processes.

A refused call is reported (REPORT), not answered with an errno. Of all filters over a process the newest one
that reports a call is the one that counts, and an errno would go before any report. So the filter that is
laid last, and has a listener, hears of what the older ones refuse too, the daemon's included. Where there is
no listener, not yet or not any more, the kernel itself refuses the call: ENOSYS.
"""

from __future__ import annotations

import ctypes
import errno
import os

from hobd.sandbox.bpf import Program
from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError
from hobd.sandbox.hygiene import forbid_new_privileges
from hobd.sandbox.syscalls import ARCHITECTURES, number, number_if_any, this_machine

KILL = 0x80000000  # the whole process
ERRNO = 0x00050000  # refuse with the errno in the low half
REPORT = 0x7FC00000  # SECCOMP_RET_USER_NOTIF: the listener of the filter answers; ENOSYS if it has none
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

#: How files are opened, made, moved, changed and watched. What is open already stays of use.
FILES = (
    *("open", "openat", "openat2", "creat", "mknod", "mknodat", "name_to_handle_at", "memfd_secret"),
    *("mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2"),
    *("link", "linkat", "symlink", "symlinkat", "truncate"),
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
    *("utime", "utimes", "utimensat", "futimesat", "inotify_init", "inotify_init1", "fanotify_init"),
)
#: Ways to other processes of the same user that are no sockets: signals, shared memory, queues.
NEIGHBOURS = (
    *("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_send_signal"),
    *("shmget", "shmat", "semget", "msgget", "mq_open"),
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

_PROT_EXEC = 4

_SECCOMP_SET_MODE_FILTER = 1
_TSYNC, _NEW_LISTENER, _TSYNC_FAILURE_IS_ESRCH = 1, 1 << 3, 1 << 4


def no_network(deny: tuple[str, ...] = (), *, machine: str | None = None) -> bytes:
    """AF_UNIX is the only family; no io_uring; every call in `deny` is refused."""
    program, machine = _begin(machine)
    _answer_calls(program, machine, (*_IO_URING, *deny), "refused")
    _answer_calls(program, machine, ("socket", "socketpair"), "family")
    program.answer(ALLOW)
    _allow_unix_alone(program)
    return _end(program)


def worker_filter(*, machine: str | None = None) -> bytes:
    """One model and the sockets it was born with: nothing new to talk to, nothing to run, no namespaces.

    For the time in which libraries still load and children are still forked.
    """
    program, machine = _begin(machine)
    _confine_worker(program, machine, WORKER_DENIES)
    return _end(program)


def enclosed_filter(*, closes_files: bool, machine: str | None = None) -> bytes:
    """The same for a process that will read hostile bytes: no neighbour is reached, either.

    `closes_files`: no file is opened, and no memory becomes code. The drivers of GPUs need both.
    """
    program, machine = _begin(machine)
    if closes_files:
        _answer_calls(program, machine, FILES, "refused")
        _answer_calls(program, machine, ("mmap", "mprotect", "pkey_mprotect"), "memory")
    _confine_worker(program, machine, WORKER_DENIES + NEIGHBOURS)
    program.label("memory")
    program.load_argument(2)
    program.jump_if_any_bit(_PROT_EXEC, "refused")
    return _end(program)


def no_calls(deny: tuple[str, ...], *, machine: str | None = None) -> bytes:
    """Every call in `deny` is refused; to be laid over a filter that is already there."""
    program, machine = _begin(machine)
    _answer_calls(program, machine, deny, "refused")
    return _end(program)


def install(program: bytes) -> None:
    """Lays `program` over every thread of this process and over all it will start; never to be taken off."""
    # TSYNC: threads older than the filter are held by it too, or the call names one that cannot be.
    result = _install(program, _TSYNC)
    if result:
        reason = os.strerror(ctypes.get_errno()) if result < 0 else f"thread {result} could not be covered"
        raise SandboxError(f"the kernel did not take the seccomp filter ({reason}); {TO_RUN_WITHOUT}")


def install_heard(program: bytes) -> int:
    """The same, and returns the descriptor of its listener, which is told of each call that is reported."""
    listener = _install(program, _TSYNC | _NEW_LISTENER | _TSYNC_FAILURE_IS_ESRCH)
    if listener < 0:
        reason = os.strerror(ctypes.get_errno())
        raise SandboxError(f"the kernel gave the seccomp filter no listener ({reason}); {TO_RUN_WITHOUT}")
    return listener


def _install(program: bytes, flags: int) -> int:
    forbid_new_privileges()  # or the kernel takes filters from root alone
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Header(len(program) // 8, ctypes.addressof(instructions))
    call = ctypes.c_long(number("seccomp", this_machine()))
    return int(libc.syscall(call, _SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(header)))


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


def _confine_worker(program: Program, machine: str, deny: tuple[str, ...]) -> None:
    # clone3 hides its flags behind a pointer. On ENOSYS libraries fall back to clone, whose flags we see.
    _answer_calls(program, machine, ("clone3",), "absent")
    # An unconnected datagram socket reaches any door by sendto, without connect: so no socket at all.
    _answer_calls(program, machine, (*_IO_URING, *deny, "socket"), "refused")
    _answer_calls(program, machine, ("socketpair",), "pair")
    _answer_calls(program, machine, ("clone",), "clone")
    _answer_calls(program, machine, ("ioctl",), "ioctl")
    program.answer(ALLOW)

    program.label("pair")  # stream pairs only: one of datagrams has sendto as well
    program.load_argument(1)
    program.keep_bits(_SOCKET_TYPE_BITS)
    program.jump_if_equal(_SOCK_STREAM, "family")
    program.answer(REPORT)
    _allow_unix_alone(program)

    program.label("clone")
    program.load_argument(0)
    program.jump_if_any_bit(_NEW_NAMESPACES, "refused")
    program.answer(ALLOW)

    program.label("ioctl")
    program.load_argument(1)
    for request in _TYPE_INTO_TERMINAL:
        program.jump_if_equal(request, "refused")
    program.answer(ALLOW)


def _allow_unix_alone(program: Program) -> None:
    program.label("family")
    program.load_argument(0)
    program.jump_if_equal(_AF_UNIX, "allowed")
    program.answer(REPORT)


def _answer_calls(program: Program, machine: str, names: tuple[str, ...], label: str) -> None:
    for name in names:
        if (call := number_if_any(name, machine)) is not None:
            program.jump_if_equal(call, label)


def _end(program: Program) -> bytes:
    """What no rule named is allowed; then the answers that rules jump to."""
    program.label("allowed")
    program.answer(ALLOW)
    for label, action in _ANSWERS:
        program.label(label)
        program.answer(action)
    return program.assemble()


_ANSWERS = (("refused", REPORT), ("absent", ERRNO | errno.ENOSYS), ("killed", KILL))
