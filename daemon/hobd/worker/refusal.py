"""Why the worker does not take a request, in the words that its caller will read.

Must never hold text of a prompt. Raised by intake.py and what it calls.
"""

from __future__ import annotations


class Refusal(Exception):
    """Why a request cannot be taken; `error` names the class of errors.py that the caller will see."""

    def __init__(
        self, error: str, message: str, *, needed: int | None = None, available: int | None = None
    ) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.needed = needed
        self.available = available
