"""What messages are made of: strict structs, and numbers and lines with bounds.

Must stay data, and must bound whatever comes from a worker. Used by messages.py and texts.py.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
TokenId = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
Line = Annotated[str, msgspec.Meta(max_length=1000)]


class Value(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A part of a message. The repr tells nothing, because many parts hold text of prompts."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Message(Value, frozen=True, array_like=True, forbid_unknown_fields=True, tag=True):
    """One frame's content."""
