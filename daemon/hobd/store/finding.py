"""What vetting says of a file: one finding, and how bad it is.

Must stay a value: whoever has one decides what to do about it. Made by vetting.py and template_scan.py;
judged by admission.py, shown by api/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: serious: what reads it next could be harmed, so it is refused. suspicious: no honest file needs it.
#: odd: worth a look, and no more.
Severity = Literal["serious", "suspicious", "odd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`text` says what is wrong, as the end of a sentence that begins with the file; fit for a terminal."""

    severity: Severity
    code: str  # stable, for programs
    text: str


def shown(text: str) -> str:
    """What a file says, fit for a line of a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80])
