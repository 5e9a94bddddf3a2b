"""Bars of text: the longer, the more.

Must stay pure: numbers in, lines out. Called by the command bench.
"""

from __future__ import annotations

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉"
_FULL = "█"


def bars(rows: Sequence[tuple[str, float]], unit: str, *, width: int = 40, plain: bool = False) -> list[str]:
    """A line for each (label, value), all to one scale. `plain`: for terminals without block characters."""
    most = max((value for _, value in rows), default=0.0)
    indent = max((len(label) for label, _ in rows), default=0)
    drawn = [(label, _bar(value / most if most > 0 else 0.0, width, plain), value) for label, value in rows]
    return [f"{label:<{indent}}  {bar:<{width}}  {value:,.1f} {unit}" for label, bar, value in drawn]


def _bar(share: float, width: int, plain: bool) -> str:
    if plain:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
