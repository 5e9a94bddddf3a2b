"""A worker's end before it could answer: in which phase, and how.

Must hold no word of a prompt: there was none yet. Raised by resident.py; loading.py makes an error of it, or
tries again.
"""

from __future__ import annotations

from hobd.broker.exit_status import describe_exit
from hobd.wire import messages as m


class WorkerDied(Exception):
    """The worker ended while it was loading or probing. `status` as subprocess gives it."""

    def __init__(self, status: int, phase: m.Phase, reason: str, adapter: int = 0) -> None:
        """`adapter`: the number of the one that was read, if that is the phase."""
        super().__init__(describe_exit(status))
        self.adapter = adapter
        self.status = status
        self.phase = phase
        self.reason = reason
