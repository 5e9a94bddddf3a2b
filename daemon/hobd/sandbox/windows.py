"""The walls of Windows, as far as they go: a job that no process leaves or joins, low integrity, no new code.

Must never pass for more than it is: there is no wall here against networks and reading files, which only
an app container has; so a worker starts only where the configuration accepts that. Wine keeps no limits of
jobs, and has run this file to the point where it refuses to go on. Called through enter.py.
"""

from __future__ import annotations

import ctypes
from typing import Any

from hobd.sandbox.confinement import Confinement
from hobd.sandbox.failure import TO_RUN_PARTIALLY, TO_RUN_WITHOUT, NoSuchWall, SandboxError

_NO_CRASH_BOXES = 0x0001 | 0x0002 | 0x8000  # SEM_FAILCRITICALERRORS, NOGPFAULTERRORBOX, NOOPENFILEERRORBOX
_NO_HEAP_IN_REPORTS = 0x0001 | 0x0010  # WER_FAULT_REPORTING_FLAG_NOHEAP, _DISABLE_SNAPSHOT_CRASH
_THIS_PROCESS = ctypes.c_void_p(-1)

# JOBOBJECTINFOCLASS, and the limits of an extended one.
_UI_RESTRICTIONS, _EXTENDED_LIMITS = 4, 9
ACTIVE_PROCESS, JOB_MEMORY, DIE_ON_FAULT, KILL_ON_CLOSE = 0x8, 0x200, 0x400, 0x2000
_NO_DESKTOP = 0xFF  # handles, clipboard, settings, atoms, desktops, ExitWindows of others

# PROCESS_MITIGATION_POLICY, each with its one bit.
_DYNAMIC_CODE, _EXTENSION_POINTS, _IMAGE_LOAD, _CHILD_PROCESS = 2, 6, 10, 13
_NO_REMOTE_IMAGES, _NO_LOW_IMAGES = 1, 2

_ADJUST_DEFAULT, _QUERY, _INTEGRITY_LEVEL, _IS_INTEGRITY = 0x80, 0x08, 25, 0x20
_LOW = b"\x01\x01\0\0\0\0\0\x10" + (0x1000).to_bytes(4, "little")  # S-1-16-4096


class _BasicLimits(ctypes.Structure):
    _fields_ = [
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    ]


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION: 144 bytes where pointers have eight."""

    _fields_ = [
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    ]


class _SidAndAttributes(ctypes.Structure):
    _fields_ = [("Sid", ctypes.c_void_p), ("Attributes", ctypes.c_uint32)]


def limits(*, most_bytes: int | None = None) -> ExtendedLimits:
    """One process, which ends with the job and dies of its faults; so much memory, if that is bounded."""
    wanted = ExtendedLimits()
    wanted.BasicLimitInformation.LimitFlags = ACTIVE_PROCESS | DIE_ON_FAULT | KILL_ON_CLOSE
    wanted.BasicLimitInformation.ActiveProcessLimit = 1
    if most_bytes is not None:
        wanted.BasicLimitInformation.LimitFlags |= JOB_MEMORY
        wanted.JobMemoryLimit = most_bytes
    return wanted


def be_private() -> None:
    """No crash box, and no memory in the crash reports that Windows sends or keeps."""
    kernel = _library("kernel32")
    kernel.SetErrorMode(_NO_CRASH_BOXES)
    try:
        kernel.WerSetFlags(_NO_HEAP_IN_REPORTS)
    except AttributeError:
        pass  # a Windows without crash reports, as Wine is


def enter_daemon() -> Confinement:
    raise NoSuchWall(f"Windows gives hob no wall against networks; {TO_RUN_PARTIALLY}")


def forbid_connect(confinement: Confinement) -> Confinement:
    """Never reached: there is no daemon with walls."""
    raise NoSuchWall(f"Windows cannot keep the daemon from connecting; {TO_RUN_PARTIALLY}")


def enter_worker(*, has_file_wall: bool = True, is_partial: bool = False) -> Confinement:
    """No other process, no desktop, no writing where users may; networks and reading are not stopped.

    Raises SandboxError, also where the configuration does not accept so little.
    """
    if not is_partial:
        raise SandboxError(f"Windows gives a worker no wall against networks; {TO_RUN_PARTIALLY}")
    be_private()
    enter_job(limits())
    _forbid(_CHILD_PROCESS, 1, "keep it from starting programs")
    _forbid(_EXTENSION_POINTS, 1, "keep other programs' hooks out")
    _forbid(_IMAGE_LOAD, _NO_REMOTE_IMAGES | _NO_LOW_IMAGES, "keep it from loading foreign code")
    _lower_integrity()
    return Confinement("no-processes (job)", "low integrity", "network and reading of files not stopped")


def enclose(confinement: Confinement, *, closes_files: bool) -> tuple[Confinement, None]:
    """No memory becomes code from now on. Files can still be read, and nobody hears of refusals here."""
    if not closes_files:
        return confinement, None
    _forbid(_DYNAMIC_CODE, 1, "keep it from making code")
    return Confinement(*confinement.mechanisms, "no-new-code"), None


def enter_job(wanted: ExtendedLimits) -> int:
    """Puts this process into a job of its own; its handle is never closed, so the job lives as long.

    SandboxError, also if Windows does not confirm the limits.
    """
    job, seen = _put_into_job(_THIS_PROCESS, wanted), ExtendedLimits()
    kernel, desktop = _library("kernel32"), ctypes.c_uint32(_NO_DESKTOP)
    closed = kernel.SetInformationJobObject(job, _UI_RESTRICTIONS, ctypes.byref(desktop), 4)
    _check(closed, "close the desktop")
    asked = (_EXTENDED_LIMITS, ctypes.byref(seen), ctypes.sizeof(seen), None)
    _check(kernel.QueryInformationJobObject(job, *asked), "ask the job")
    if seen.BasicLimitInformation.LimitFlags != wanted.BasicLimitInformation.LimitFlags:
        raise SandboxError(f"this system took the limits of a job and does not have them; {TO_RUN_WITHOUT}")
    return int(job.value or 0)


def hold(process: int) -> int:
    """Ties the life of a child to the handle that is returned: it is closed when this process ends.

    No wall, so nothing is asked: who is not held ends by the end of its pipe.
    """
    wanted = ExtendedLimits()
    wanted.BasicLimitInformation.LimitFlags = KILL_ON_CLOSE
    return int(_put_into_job(ctypes.c_void_p(process), wanted).value or 0)


def _put_into_job(process: ctypes.c_void_p, wanted: ExtendedLimits) -> ctypes.c_void_p:
    kernel = _library("kernel32")
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    size = ctypes.sizeof(wanted)
    _check(job.value, "make a job")
    _check(kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(wanted), size), "limit the job")
    _check(kernel.AssignProcessToJobObject(job, process), "put it into the job")
    return job


def _lower_integrity() -> None:
    """What belongs to users has medium integrity, and nobody of a lower one may write to it."""
    kernel, advapi = _library("kernel32"), _library("advapi32")
    token = ctypes.c_void_p()
    rights = _ADJUST_DEFAULT | _QUERY
    _check(advapi.OpenProcessToken(_THIS_PROCESS, rights, ctypes.byref(token)), "open its token")
    sid = ctypes.create_string_buffer(_LOW)
    label = _SidAndAttributes(ctypes.addressof(sid), _IS_INTEGRITY)
    size = ctypes.sizeof(label) + len(_LOW)
    done = advapi.SetTokenInformation(token, _INTEGRITY_LEVEL, ctypes.byref(label), size)
    kernel.CloseHandle(token)
    _check(done, "lower its integrity")


def _forbid(policy: int, bits: int, purpose: str) -> None:
    value = ctypes.c_uint32(bits)
    _check(_library("kernel32").SetProcessMitigationPolicy(policy, ctypes.byref(value), 4), purpose)


def _check(result: Any, purpose: str) -> None:
    if not result:
        code = ctypes.get_last_error()  # type: ignore[attr-defined,unused-ignore]
        raise SandboxError(f"Windows did not {purpose} (error {code}); report this")


def _library(name: str) -> Any:
    return ctypes.WinDLL(name, use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
