"""What one step added to an answer: tokens, text, and parts where an answer is more than text.

Must stay data, bounded where it comes from a worker. Part of messages.py, where others find it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hobd.wire.values import Id, TokenId, Value


class Logprob(Value, frozen=True):
    token_id: int
    token: bytes
    logprob: float
    top: list[tuple[int, bytes, float]]


class TextPart(Value, frozen=True, tag="text"):
    text: str
    is_reasoning: bool


class CallPart(Value, frozen=True, tag="call"):
    """A piece of a tool call's arguments. Its first one has the id and the name."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=1 << 20)]
    arguments: str
    id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Delta(Value, frozen=True):
    """What `tokens` added to the text. The last of them may have text that is still held back.

    `parts` is for answers in which reasoning or tool calls are told apart from text; `text` is empty then.
    """

    id: Id
    text: str
    logprobs: list[Logprob]
    tokens: list[TokenId]
    parts: list[TextPart | CallPart] | None = None

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)
