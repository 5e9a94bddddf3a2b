"""What a generation is asked for: its prompt, how tokens are chosen, when to stop, what shape it has.

Must stay data. Part of messages.py, where others find it.
"""

from __future__ import annotations

from typing import Literal

from hobd.wire.values import TokenId, Value


class Sampling(Value, frozen=True):
    """How tokens are chosen, every default filled in; ranges were checked by api/convert.py."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    typical_p: float = 1.0
    top_n_sigma: float = -1.0
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat_version: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int = 0


class Limits(Value, frozen=True):
    """When to stop. `max_tokens` None: until the context is full. `logprobs` None: none."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None
    max_context_tokens: int | None = None  # prompt and answer; None: as many as the model's context


class Lora(Value, frozen=True):
    """An adapter of the model, and how strongly it applies."""

    name: str
    scale: float


class TextPrompt(Value, frozen=True, tag="text"):
    text: str
    parse_special: bool


class TokensPrompt(Value, frozen=True, tag="tokens"):
    ids: list[TokenId]


class Calling(Value, frozen=True):
    """How the tools of a chat prompt may be called."""

    must_call: bool = False
    only: str = ""  # the one tool that may be called; "": any
    is_parallel: bool = False


class Reasoning(Value, frozen=True):
    """None: as the model's template decides, and for as long as it takes."""

    enabled: bool | None = None
    max_tokens: int | None = None


class ChatPrompt(Value, frozen=True, tag="chat"):
    """`messages` and `tools` are JSON, as the template will see them.

    The content of a message with media is a list: `{"type": "text", "text": ...}` and
    `{"type": "medium", "number": ...}`, which counts in `media`.
    """

    messages: bytes
    tools: bytes
    arguments: bytes
    continue_last: bool
    calling: Calling = Calling()
    reasoning: Reasoning = Reasoning()
    media: tuple[bytes, ...] = ()


class Constraint(Value, frozen=True):
    """What the answer must look like. `text` is a grammar or schema; of a choice, a JSON list of texts.

    `calls` is the worker's own kind: a Lark grammar that it makes for the tools of a chat.
    """

    kind: Literal["json", "json_schema", "regex", "gbnf", "lark", "choice", "calls"]
    text: str

    @property
    def field(self) -> str:
        """The field of the request that says it."""
        return "parameters_schema of a tool" if self.kind == "calls" else f"response_format.{self.kind}"
