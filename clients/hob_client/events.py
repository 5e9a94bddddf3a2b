"""What comes out of a request while it runs.

Must stay data; text is never part of a repr. Every event has `.text` and `.done`, so a loop needs no types.
Made by reading.py; used by whoever iterates over an answer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from hob_client.errors import InternalError
from hob_client.values import AnswerEnd, Receipt, TokenLogprob, ToolCall

if TYPE_CHECKING:
    from hob_client.requests import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The request waits: for room, for its model to load, for a lane, or for another worker in mid-answer."""

    kind: ClassVar[Literal["progress"]] = "progress"
    text: ClassVar[str] = ""
    done: ClassVar[None] = None
    stage: str  # waiting_for_room, verifying, loading, probing, queued, prefill, recovering
    fraction: float
    num_ahead: int = 0  # waiting for room: the models that get theirs before


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
class ToolCallDelta:
    """A piece of a call's arguments. Its id and name are in the first one only."""

    kind: ClassVar[Literal["tool_call"]] = "tool_call"
    text: ClassVar[str] = ""
    done: ClassVar[None] = None
    index: int  # which of the answer's calls
    id: str
    name: str
    arguments: str = field(repr=False)
    num_tokens: int = 0
    answer: int = 0
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


Event = Progress | Started | Delta | ToolCallDelta | Warning | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer."""

    text: str = field(repr=False)
    reasoning: str = field(repr=False)
    finish_reason: str
    receipt: Receipt
    warnings: tuple[Warning, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    others: tuple[Answer, ...] = ()  # the second answer and those after it; the receipt is for all together

    @property
    def message(self) -> Message:
        """The assistant's turn, to be put behind the conversation before the tools' results."""
        message: Message = {"role": "assistant", "content": self.text}
        if self.reasoning:
            message["reasoning"] = self.reasoning
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


class _Parts:
    """What has come of one answer."""

    __slots__ = ("calls", "reasoning", "text")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: dict[int, list[ToolCallDelta]] = {}


class AnswerBuilder:
    """Puts the events of a request together."""

    __slots__ = ("_done", "_parts", "_warnings")

    def __init__(self) -> None:
        self._parts: defaultdict[int, _Parts] = defaultdict(_Parts)
        self._warnings: list[Warning] = []
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, Delta):
            parts = self._parts[event.answer]
            (parts.reasoning if event.is_reasoning else parts.text).append(event.text)
        elif isinstance(event, ToolCallDelta):
            self._parts[event.answer].calls.setdefault(event.index, []).append(event)
        elif isinstance(event, Warning):
            self._warnings.append(event)
        elif isinstance(event, Done):
            self._done = event

    def finish(self) -> Answer:
        """The answer. Raises InternalError if the stream ended without its last event."""
        if self._done is None:
            raise InternalError("the daemon ended the answer without a receipt; please report this")
        ends = self._done.answers or (AnswerEnd(answer=0, finish_reason="unspecified", stop=""),)
        first, *others = [self._answer(end, self._done.receipt) for end in ends]
        return replace(first, others=tuple(others))

    def _answer(self, end: AnswerEnd, receipt: Receipt) -> Answer:
        parts = self._parts[end.answer]
        return Answer(
            text="".join(parts.text),
            reasoning="".join(parts.reasoning),
            finish_reason=end.finish_reason,
            receipt=receipt,
            warnings=tuple(self._warnings),
            tool_calls=tuple(map(_join, parts.calls.values())),
        )


def _join(pieces: list[ToolCallDelta]) -> ToolCall:
    arguments = "".join(piece.arguments for piece in pieces)
    return ToolCall(id=pieces[0].id, name=pieces[0].name, arguments=arguments)
