"""What a process's exit status says of its end, on each system: Popen's number, negative for a signal.

Must decide nothing: tables and words alone. Read by admission.py, conduct.py, loading.py and resident.py.
"""

from __future__ import annotations

import signal
import sys


def _of_signals(*names: str) -> frozenset[int]:
    """As Popen tells them; none where the system has no such signal."""
    return frozenset(-getattr(signal, name) for name in names if hasattr(signal, name))


#: STATUS_ACCESS_VIOLATION, _IN_PAGE_ERROR, _ILLEGAL_INSTRUCTION, _STACK_OVERFLOW: how Windows ends who
#: faults.
_FAULTS_OF_WINDOWS = {
    0xC0000005: "an access violation",
    0xC0000006: "a failed page",
    0xC000001D: "an illegal instruction",
    0xC00000FD: "a stack that is full",
}
_IS_WINDOWS = sys.platform == "win32"

#: The processor or the kernel stopped it, as a build for another machine would be.
FAULTS = _of_signals("SIGILL", "SIGSEGV", "SIGBUS") | (
    frozenset(_FAULTS_OF_WINDOWS) if _IS_WINDOWS else set()
)
#: Somebody ended it, or this processor cannot run the build: no strike against the file.
NOT_ITS_FAULT = _of_signals("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGILL") | (
    frozenset((1, 0xC000001D)) if _IS_WINDOWS else set()  # 1: what TerminateProcess was given
)
#: The kernel ended who called it by another machine's numbers.
BY_THE_FILTER = _of_signals("SIGSYS")


def describe_exit(status: int) -> str:
    """`killed by SIGSEGV` or `ended with status 70`."""
    if status in _FAULTS_OF_WINDOWS and _IS_WINDOWS:
        return f"killed by {_FAULTS_OF_WINDOWS[status]}"
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
