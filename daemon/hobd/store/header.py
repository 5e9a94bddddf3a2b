"""What a model file says of itself, as values: facts, and which tensors lie where.

Must stay values, and must not be believed to make sense: they come from a file. Made by gguf.py; used by
whoever wants to know what a model is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """`values` is None where the array is of texts, or long."""

    length: int
    values: tuple[int | float | bool, ...] | None = None
    element: str = field(default="", compare=False)  # uint8, int32, float32, text, ...


Fact = int | float | bool | str | Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """`offset` counts from the beginning of the data."""

    name: str
    shape: tuple[int, ...]
    kind: str
    offset: int
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a model file says of itself."""

    facts: Mapping[str, Fact] = field(repr=False)
    tensors: tuple[Tensor, ...] = field(repr=False)
    file_bytes: int
    data_begin: int | None = None  # where offsets count from; None where nobody read a file

    def number(self, key: str, default: int = 0) -> int:
        """A fact that should be a count; the greatest, where there is one for each layer."""
        value = self.facts.get(key)
        if isinstance(value, Array):
            value = max(value.values) if value.values else None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return default
        return value

    def text(self, key: str) -> str:
        value = self.facts.get(key)
        return value if isinstance(value, str) else ""

    def length(self, key: str) -> int:
        value = self.facts.get(key)
        return value.length if isinstance(value, Array) else 0

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")
