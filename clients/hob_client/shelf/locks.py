"""Locks on open files, by which programs of a user's keep out of each other's way.

Must end with the descriptor, so that a killed program leaves none. Where the system has no flock (Windows)
nothing is locked, and digests alone tell. Used by placing.py, tidying.py, `hob import` and hob_fetch.
"""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


def lock(fd: int, *, alone: bool, wait: bool = False) -> None:
    """`alone`: nobody else has one of any kind. BlockingIOError if somebody does, unless `wait`."""
    if HAS_LOCKS:
        fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
