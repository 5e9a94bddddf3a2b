"""What a proof found, for the report at the end.

Must only collect. The fixture is in report.py, which prints it.
"""

from __future__ import annotations


class Evidence:
    """Notes of one test: what was looked for, and what there was."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []

    def note(self, what: str, found: object) -> None:
        self.notes.append((what, str(found)))
