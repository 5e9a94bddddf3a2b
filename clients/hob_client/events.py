"""What comes out of a request while it runs.

Must stay data; text is never part of a repr. Every event has `.text` and `.done`, so a loop needs no types.
Made by reading.py; used by whoever iterates over an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from hob_client.errors import InternalError
from hob_client.values import AnswerEnd, Receipt, TokenLogprob


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The request waits: for its model to load, for a lane, or for another worker in mid-answer."""

    kind: ClassVar[Literal["progress"]] = "progress"
    text: ClassVar[str] = ""
    done: ClassVar[None] = None
    stage: str  # verifying, loading, probing, queued, prefill, recovering
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    kind: ClassVar[Literal["started"]] = "started"
    text: ClassVar[str] = ""
    done: ClassVar[None] = None
    request_id: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Text as soon as it is certain; it can stand for many tokens."""

    kind: ClassVar[Literal["delta"]] = "delta"
    done: ClassVar[None] = None
    text: str = field(repr=False)
    num_tokens: int
    answer: int = 0
    is_reasoning: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """Something the caller should know that did not stop the request."""

    kind: ClassVar[Literal["warning"]] = "warning"
    text: ClassVar[str] = ""
    done: ClassVar[None] = None
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The last event."""

    kind: ClassVar[Literal["done"]] = "done"
    text: ClassVar[str] = ""
    answers: tuple[AnswerEnd, ...]
    receipt: Receipt

    @property
    def done(self) -> Receipt:
        return self.receipt

    @property
    def finish_reason(self) -> str:
        """Why the first answer ended; the only one unless several were asked for."""
        return self.answers[0].finish_reason if self.answers else "unspecified"


Event = Progress | Started | Delta | Warning | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    text: str = field(repr=False)
    reasoning: str = field(repr=False)
    finish_reason: str
    receipt: Receipt
    warnings: tuple[Warning, ...] = ()


class AnswerBuilder:
    """Puts the events of a request with one answer together."""

    __slots__ = ("_done", "_reasoning", "_text", "_warnings")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._warnings: list[Warning] = []
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, Delta):
            (self._reasoning if event.is_reasoning else self._text).append(event.text)
        elif isinstance(event, Warning):
            self._warnings.append(event)
        elif isinstance(event, Done):
            self._done = event

    def finish(self) -> Answer:
        """The answer. Raises InternalError if the stream ended without its last event."""
        if self._done is None:
            raise InternalError("the daemon ended the answer without a receipt; please report this")
        return Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            finish_reason=self._done.finish_reason,
            receipt=self._done.receipt,
            warnings=tuple(self._warnings),
        )
