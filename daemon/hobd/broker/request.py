"""What a caller asks for and what comes back, in the broker's own words.

Must stay data, with every text hidden from reprs. Built by api/convert.py, passed through broker.py
and session.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hobd.wire.messages import (
    Constraint,
    EmbedPrompt,
    Limits,
    Logprob,
    Lora,
    Prompt,
    RerankPrompt,
    Sampling,
    Vector,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One generation, or one batch of vectors. `model` as the caller wrote it; empty means the default."""

    model: str
    prompt: Prompt = field(repr=False)
    sampling: Sampling = field(repr=False)
    limits: Limits = field(repr=False)
    priority: int
    truncation: str = ""
    max_queue_ms: int | None = None
    max_total_ms: int | None = None
    keep_alive_seconds: int = 0
    caller: str = ""
    domain: str = ""  # of cached prefixes; empty: none is read or filled
    constraint: Constraint | None = field(default=None, repr=False)
    num_answers: int = 1
    loras: tuple[Lora, ...] = ()
    client_request_id: str = ""

    @property
    def num_inputs(self) -> int | None:
        """How many texts are to become vectors or scores; None for a generation."""
        match self.prompt:
            case EmbedPrompt():
                return len(self.prompt.inputs)
            case RerankPrompt():
                return len(self.prompt.documents)
        return None

    def width(self, own: int) -> int:
        """How many numbers an input becomes, with a model whose vectors have `own`."""
        if isinstance(self.prompt, RerankPrompt):
            return 1
        wanted = self.prompt.dimensions if isinstance(self.prompt, EmbedPrompt) else None
        return min(own, wanted or own)


@dataclass(frozen=True, slots=True)
class Progress:
    """`stage` is waiting_for_room, verifying, loading, probing, queued, prefill or recovering."""

    stage: str
    fraction: float
    num_ahead: int = 0  # waiting for room: the models that get theirs before


@dataclass(frozen=True, slots=True)
class Started:
    request_id: str
    model: str


@dataclass(frozen=True, slots=True)
class TokenDelta:
    text: str = field(repr=False)
    num_tokens: int
    logprobs: list[Logprob] = field(repr=False)
    is_reasoning: bool = False
    answer: int = 0  # which of several


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call's arguments. `id` and `name` are in its first one only."""

    index: int
    id: str
    name: str = field(repr=False)
    arguments: str = field(repr=False)
    num_tokens: int
    logprobs: list[Logprob] = field(repr=False)
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of some inputs; reranking: their scores."""

    vectors: list[Vector] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Warned:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AppliedLora:
    """An adapter that took part in an answer."""

    name: str
    scale: float
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a request took; milliseconds and tokens."""

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
    num_dropped_tokens: int
    num_media_tokens: int
    resumed: bool
    degraded: bool
    loras: tuple[AppliedLora, ...] = ()
    client_request_id: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    reason: str  # eos, stop, tool_calls, max_tokens, context_full, cancelled, deadline
    stop: str = field(repr=False)
    receipt: Receipt
    is_ranking: bool = False  # vectors were scores by the model's own head
    others: tuple[Finished, ...] = ()  # the second answer's end and those after it


Event = Progress | Started | TokenDelta | ToolCallDelta | Embedded | Warned | Finished
