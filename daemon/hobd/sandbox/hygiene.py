"""What a process asks of the kernel about itself: show me to nobody, dump me nowhere, end me with my parent.

Must be set anew in every process: exec makes it dumpable again.
Used by linux.py, macos.py and seccomp.py; `die_with_parent` by the worker's first function.
"""

from __future__ import annotations

import ctypes
import os
import sys

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError

if sys.platform != "win32":
    import resource

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_SIGKILL = 9  # the signal module costs more to import than this whole folder


def be_private() -> None:
    """No core file, and no other process of this user can read the memory, environment or descriptors.

    All three are needed: a core handler behind a pipe ignores the limit, root ignores dumpable, and who makes
    a process dumpable again (a debugger, a fault) finds that its cores have none of its memory.
    """
    _keep_memory_out_of_cores()
    forbid_cores()
    _prctl("make itself not dumpable", _PR_SET_DUMPABLE, 0)
    forbid_new_privileges()


def forbid_cores() -> None:
    """On every system that has core files. Cannot be undone without an administrator's rights."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_new_files() -> None:
    """Nothing is opened from here on: there is no number for it. What is open stays so."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _keep_memory_out_of_cores() -> None:
    """No page of any kind, whoever made it: KV cells, token buffers, Python's texts. Children inherit that.
    The registers of threads are no pages: a few hundred bytes stay in such a core.

    It has to come before the process stops being dumpable: then the file is root's.
    """
    try:
        with open("/proc/self/coredump_filter", "wb", buffering=0) as kinds:
            kinds.write(b"0")
    except OSError as error:
        if _inherited_filter() != 0:
            raise SandboxError(
                f"the kernel did not let the process keep its memory out of core files ({error.strerror}); "
                f"mount /proc, or {TO_RUN_WITHOUT}"
            ) from None


def _inherited_filter() -> int | None:
    """What whoever started us had set: exec keeps it."""
    try:
        with open("/proc/self/coredump_filter", encoding="ascii") as kinds:
            return int(kinds.read(), 16)
    except (OSError, ValueError):
        return None


def forbid_new_privileges() -> None:
    """Nothing that runs from here on gains rights by setuid or file capabilities."""
    _prctl("give up gaining privileges", _PR_SET_NO_NEW_PRIVS, 1)


def give_up_capabilities() -> None:
    """Of what root may beyond its own files: nothing. For others that changes nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)  # 0: this thread
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, twice 32 bits each
    if not libc.capget(header, held) and not any(held):
        return  # a service manager's filter may forbid even giving up what is not there
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        reason = os.strerror(ctypes.get_errno())
        raise SandboxError(
            f"the kernel did not let the process give up capabilities ({reason}); {TO_RUN_WITHOUT}"
        )


def die_with_parent(expected_ppid: int) -> None:
    """The kernel kills this process when the *thread* that started it ends: start it from the main thread.

    Where the kernel has no such wish (not Linux), a process notices by the end of its sockets.
    """
    if sys.platform == "linux":
        _prctl("tie its life to its parent's", _PR_SET_PDEATHSIG, _SIGKILL)
    # The parent may have died before the wish was known: then nobody is left to fulfil it.
    if os.getppid() != expected_ppid:
        raise SandboxError(f"the parent process {expected_ppid} has ended already; start hobd again")


def _prctl(purpose: str, option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(number) for number in (value, 0, 0, 0))):
        reason = os.strerror(ctypes.get_errno())
        raise SandboxError(f"the kernel did not let the process {purpose} ({reason}); {TO_RUN_WITHOUT}")
