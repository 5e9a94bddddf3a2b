"""How long to wait after a keystroke before the model is asked.

Must stay pure: times come as arguments. Called by hinting.py.
"""

from __future__ import annotations

_QUICK_MS = 300.0  # who answers so fast may be asked as often as was configured
_MOST_TIMES = 4
_NEW_SHARE = 0.3


class Pace:
    """Remembers how long answers take: a slow machine is asked less often, so that it ends what it began."""

    __slots__ = ("_answer_ms",)

    def __init__(self) -> None:
        self._answer_ms = 0.0

    def note(self, answer_ms: float) -> None:
        known = self._answer_ms or answer_ms
        self._answer_ms = known + _NEW_SHARE * (answer_ms - known)

    def delay_ms(self, configured_ms: int) -> float:
        """Never less than was configured, and never more than four times that."""
        slow_ms = max(0.0, self._answer_ms - _QUICK_MS)
        return min(configured_ms * _MOST_TIMES, configured_ms + slow_ms / 4)
