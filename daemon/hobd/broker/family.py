"""A worker and the processes it started, as the kernel tells of them: who, how large, and when they end.

Must end nobody who would end by themselves. Used by tenancy.py, and by api/ to show sizes.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from hobd.broker import kin
from hobd.broker.account import RAM, Account, Line, Purpose, totals

# A child that its parent's death has not ended by then is ended.
_PATIENCE_SECONDS = 2.0
_PAGE_BYTES = mmap.PAGESIZE


def memory_bytes(pid: int) -> int:
    """What would be free without a process and its children; 0 when it has gone.

    A page that several processes share counts in parts, where the kernel lets us see it: a worker is not
    dumpable, so that only root may. Otherwise what the children share with it counts once.
    """
    if sys.platform != "linux":
        return kin.resident_bytes(pid)
    own, *others = [pid, *children(pid)]
    whole = _proportional(own)
    if whole is not None:
        return whole + sum(_proportional(other) or 0 for other in others)
    return _resident(own)[0] + sum(resident - shared for resident, shared in map(_resident, others))


def corrected(account: Account, num_bytes: int) -> Account:
    """The account by a measurement of all of its memory: what is beyond the lines is overhead.

    What was measured below them stays promised, since caches fill up later.
    """
    excess = num_bytes - totals(account).get(RAM, 0)
    if excess <= 0:
        return account
    return (*account, Line(device=RAM, purpose=Purpose.OVERHEAD, num_bytes=excess))


class Family:
    """Those who are there when it is made. `gone` returns when all of them have ended; it sees to that."""

    def __init__(self, pid: int) -> None:
        self._kin = [] if sys.platform == "linux" else kin.processes(pid)
        self._watched = list(_pidfds(pid)) if sys.platform == "linux" else []

    async def gone(self) -> None:
        if self._kin:
            await asyncio.to_thread(kin.see_off, self._kin, _PATIENCE_SECONDS)
        while self._watched:
            fd = self._watched[-1]
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await _readable(fd)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                await _readable(fd)
            os.close(self._watched.pop())

    def close(self) -> None:
        while self._watched:
            os.close(self._watched.pop())


def _pidfds(pid: int) -> Iterator[int]:
    for each in [pid, *children(pid)]:
        with contextlib.suppress(ProcessLookupError):
            yield os.pidfd_open(each)


async def _readable(fd: int) -> None:
    """A pidfd is, when its process has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(fd)


def children(pid: int) -> list[int]:
    """All descendants."""
    if sys.platform != "linux":
        return [process.pid for process in kin.processes(pid)[1:]]
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    return found


def _proportional(pid: int) -> int | None:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    found = re.search(r"^Pss:\s+(\d+) kB", told, re.MULTILINE)
    return int(found[1]) << 10 if found else None


def _resident(pid: int) -> tuple[int, int]:
    """Bytes in memory, and those of them that others may share."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0, 0
    return int(resident) * _PAGE_BYTES, int(shared) * _PAGE_BYTES
