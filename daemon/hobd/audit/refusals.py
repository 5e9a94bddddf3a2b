"""Refusals on their way into the audit: one record for many of a kind, so that nobody can flush it with them.

Must never hold what was asked, only by whom and by which rule it was refused. Kept by api/host.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hobd.audit.journal import Audit

#: After a record the next ones of its kind are counted for so long, and then told as one.
QUIET_SECONDS = 60.0
# More kinds than these begin anew: rules and rpcs are few, and users are admitted.
_MAX_KINDS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What makes two refusals alike."""

    door: str
    uid: int
    rpc: str  # empty: the connection itself
    rule: str


class Refusals:
    """`flush` tells what was counted and not yet told."""

    def __init__(self, audit: Audit, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._told_at: dict[Kind, float] = {}
        self._untold: dict[Kind, int] = {}

    def tell(self, kind: Kind, executable: str = "") -> None:
        now = self._clock()
        number = self._untold.pop(kind, 0) + 1
        if now - self._told_at.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            self._untold[kind] = number
            return
        if len(self._told_at) >= _MAX_KINDS:
            self.flush()
            self._told_at.clear()
        self._told_at[kind] = now
        self._write(kind, number, executable)

    def flush(self) -> None:
        for kind, number in self._untold.items():
            self._write(kind, number, "")
        self._untold.clear()

    def _write(self, kind: Kind, number: int, executable: str) -> None:
        self._audit.write(
            "refused",
            door=kind.door,
            uid=kind.uid,
            executable=executable,
            rpc=kind.rpc,
            rule=kind.rule,
            num=number,
        )
