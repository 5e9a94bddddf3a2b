"""A worker's processes where there is no /proc and no pidfd: as psutil tells of them.

Must be used on macOS and Windows alone. A pid that is looked up twice may be somebody else's by then: psutil
tells by the time of birth. Called by family.py, which has Linux's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def processes(pid: int) -> list[psutil.Process]:
    """It and all its descendants; those that have gone are left out."""
    import psutil  # 20 ms that Linux need not spend

    try:
        own = psutil.Process(pid)
        return [own, *own.children(recursive=True)]
    except psutil.Error:
        return []


def resident_bytes(pid: int) -> int:
    """What they have in memory; a page that several share counts for each."""
    import psutil

    total = 0
    for process in processes(pid):
        try:
            total += int(process.memory_info().rss)
        except psutil.Error:
            continue  # it has just ended
    return total


def see_off(those: list[psutil.Process], patience_seconds: float) -> None:
    """Blocks until all have ended; whoever takes too long is ended."""
    import psutil

    _, left = psutil.wait_procs(those, timeout=patience_seconds)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left)
