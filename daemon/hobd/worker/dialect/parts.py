"""What a reader finds in an answer, and what a request offers to be called.

Must stay data; whatever a model said is hidden from reprs. Made by reading.py and intake.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """Text for whoever asked; reasoning, or the answer itself."""

    text: str = field(repr=False)
    is_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class CallBegun:
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arguments:
    """A piece of the JSON text of the call that was begun last."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallEnded:
    """All of its arguments have come."""


Part = Said | CallBegun | Arguments | CallEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The tools that may be called, as templates want to see them, and whether they must be."""

    tools: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    must_call: bool = False
    is_parallel: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset(tool["function"]["name"] for tool in self.tools)
