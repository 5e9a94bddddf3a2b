"""What holds a process, in words: the value that every system's walls return.

Must never claim what was not raised, and must stay free of imports: making dataclasses would take longer than
raising the walls. Made by linux.py, macos.py and windows.py; read by status, attest and the log.
"""

from __future__ import annotations


class Confinement:
    """What the kernel forbids this process. Never changes."""

    __slots__ = ("mechanisms",)

    def __init__(self, *mechanisms: str) -> None:
        self.mechanisms = mechanisms

    def __str__(self) -> str:
        return ", ".join(self.mechanisms) or 'none (security.sandbox = "none")'

    def __repr__(self) -> str:
        return f"Confinement({self})"


#: What holds a process that was configured to run without.
UNCONFINED = Confinement()
