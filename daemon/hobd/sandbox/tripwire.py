"""The listener of a seccomp filter: learns which call was refused to whom, and lets the caller go on.

Must never look at the memory of who calls: what lies behind a pointer may change while one looks. Used by
proof.py within the confined process, and after that by broker/tripwire.py in the daemon.

Whoever makes a reported call waits until it is answered here. When the listener is closed, the kernel
answers every such call with ENOSYS.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import sys
from typing import NamedTuple

from hobd.sandbox.syscalls import name_of, this_machine

if sys.platform != "win32":
    import fcntl

_RECEIVE, _SEND, _ADD_DESCRIPTOR = 0xC0502100, 0xC0182101, 0x40182103  # SECCOMP_IOCTL_NOTIF_*
_NOTICE = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_GIFT = struct.Struct("=QIIII")  # struct seccomp_notif_addfd
_CONTINUE = 1
_AS_ANSWER = 1 << 1  # the new descriptor is what the call returns
_LISTENER = "anon_inode:seccomp notify"


class Attempt(NamedTuple):
    """A call that waits for its answer. `pid` is the thread's; all of it is the kernel's word."""

    id: int
    pid: int
    call: str
    arguments: tuple[int, ...]


def is_listener(descriptor: int) -> bool:
    """Whether it is what it should be: nothing else is to be asked for news."""
    return os.readlink(f"/proc/self/fd/{descriptor}") == _LISTENER


def next_attempt(listener: int, *, timeout_ms: int = 0) -> Attempt | None:
    """None if nobody tries anything for so long, or whoever did is dead by now."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    # Asked first: receiving would block where there is nothing.
    if not any(events & select.POLLIN for _, events in poll.poll(timeout_ms)):
        return None
    notice = bytearray(_NOTICE.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, notice)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None
    id, pid, _, call, _, _, *arguments = _NOTICE.unpack(notice)
    return Attempt(id, pid, name_of(call, this_machine()), tuple(arguments))


def is_over(listener: int) -> bool:
    """Whether no process is left that could try anything."""
    poll = select.poll()
    poll.register(listener, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def refuse(listener: int, attempt: Attempt, error: int = errno.EPERM) -> None:
    _tell(listener, _SEND, _ANSWER.pack(attempt.id, 0, -error, 0))


def let(listener: int, attempt: Attempt) -> None:
    """The kernel carries the call out. Only for calls whose arguments are numbers: those cannot change."""
    _tell(listener, _SEND, _ANSWER.pack(attempt.id, 0, 0, _CONTINUE))


def give(listener: int, attempt: Attempt, descriptor: int) -> None:
    """The call returns a copy of `descriptor`, whatever it asked for."""
    _tell(listener, _ADD_DESCRIPTOR, _GIFT.pack(attempt.id, _AS_ANSWER, descriptor, 0, os.O_CLOEXEC))


def _tell(listener: int, request: int, answer: bytes) -> None:
    try:
        fcntl.ioctl(listener, request, answer)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINPROGRESS):  # it died meanwhile
            raise
