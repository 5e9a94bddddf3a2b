"""What gives a model eyes or ears, as a load finds it beside the model; or why it does not.

Must never refuse the model for its projector: without it, it answers to text. Called by loading.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Projector:
    """Open, its digest checked, or without a descriptor. `name` is empty for none; `problem` says why."""

    name: str = ""
    fd: int | None = None
    sha256: str = ""
    problem: str = ""

    def without(self, problem: str) -> Projector:
        """The same, found to be of no use."""
        return replace(self, fd=None, problem=problem)
