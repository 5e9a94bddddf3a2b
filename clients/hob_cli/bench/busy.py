"""Whether other programs want the processors, which makes every figure smaller.

Must judge only this machine, and say so where it cannot. Called by the commands bench and tune.
"""

from __future__ import annotations

import time
from pathlib import Path

_LOOK_SECONDS = 0.5
_BUSY_SHARE = 0.15
_STAT = Path("/proc/stat")


def share(stat: Path = _STAT, seconds: float = _LOOK_SECONDS) -> float | None:
    """How much of all processors was used just now, while we did nothing; None: not known."""
    before = _times(stat)
    time.sleep(seconds)
    after = _times(stat)
    if before is None or after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def is_busy(found: float | None) -> bool:
    return found is not None and found > _BUSY_SHARE


def sentence(found: float | None) -> str:
    if found is None:
        return "whether other programs were at work is not known"
    if is_busy(found):
        return f"other programs used {found:.0%} of the processors: the figures are lower than they could be"
    return "the machine was quiet"


def _times(stat: Path) -> tuple[int, int] | None:
    """Used and all time of all processors, in ticks."""
    try:
        ticks = [int(word) for word in stat.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
