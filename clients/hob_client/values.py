"""What the daemon answers to requests, as values.

Must stay data: fields have the names of the contract, so reading.py can fill them; no I/O, no gRPC.
Made by reading.py; used by whoever uses a client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLora:
    """An adapter that took part in an answer."""

    name: str
    scale: float
    sha256: str  # empty when it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An image or a sound for a message's content: the bytes of a file, as `Path.read_bytes` gives them."""

    data: bytes = field(repr=False)
    mime_type: str = ""  # for people; the daemon looks at the bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a request took, in numbers; never a word of what was said."""

    kind: ClassVar[Literal["receipt"]] = "receipt"
    request_id: str
    model: str
    model_sha256: str
    template_sha256: str
    engine_build: str
    seed: int
    num_prompt_tokens: int
    num_cached_tokens: int
    num_completion_tokens: int
    queue_ms: int
    load_ms: int
    prefill_ms: int
    decode_ms: int
    truncated: bool
    num_dropped_tokens: int
    num_media_tokens: int
    resumed: bool
    degraded: bool
    loras: tuple[AppliedLora, ...] = ()
    client_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    answer: int
    finish_reason: str  # eos, stop, max_tokens, context_full, tool_calls, cancelled, deadline
    stop: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function that the model wants to have called. Answer it with a message of role tool."""

    id: str
    name: str
    arguments: str = field(repr=False)  # JSON text

    def parsed(self) -> dict[str, Any]:
        """The arguments. Raises ValueError when they are no JSON object, as in an answer that was cut off."""
        arguments = json.loads(self.arguments)
        if not isinstance(arguments, dict):
            raise ValueError("the arguments of the call are not a JSON object")
        return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    token_id: int = field(repr=False)
    token: bytes = field(repr=False)
    logprob: float
    top: tuple[TokenLogprob, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """The vector of one input."""

    kind: ClassVar[Literal["embedding"]] = "embedding"
    input: int  # its place in the request
    values: tuple[float, ...] = field(repr=False)
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """The vectors of all inputs, in their order."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDocument:
    document: int  # its place in the request
    score: float  # the greater the better


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The best document first."""

    ranking: tuple[RankedDocument, ...]
    method: str  # ranking_head: by the model itself; cosine: of the vectors, -1 to 1
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """What Chat would run."""

    prompt: str = field(repr=False)
    num_tokens: int
    template_sha256: str
