"""What a chat request asks of the model's dialect: what its template sees, and how the answer is read.

Must never decode, nor touch a lane: it runs on the intake's thread. One for a model, made and called by
intake.py.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from hobd.wire import messages as m
from hobd.worker.budget import ReasoningSampler
from hobd.worker.dialect import choose
from hobd.worker.dialect.describing import Message, Tool
from hobd.worker.dialect.parts import Offer
from hobd.worker.dialect.reading import Reader
from hobd.worker.engine import Engine, Sampler
from hobd.worker.speech import Speech, call_digest


class Voice:
    """The dialect of one model's template, with the tokens of its marks."""

    def __init__(self, template: str, engine: Engine) -> None:
        self._dialect = choose(template)
        self._engine = engine

    @property
    def can_reason(self) -> bool:
        return self._dialect.can_reason

    def enter(self, prompt: m.ChatPrompt, messages: list[Message]) -> tuple[bytes, bytes, bytes]:
        """Messages, tools and arguments for the template, as JSON."""
        messages, tools = self._dialect.enter(messages, _tools(prompt))
        arguments = prompt.arguments
        if prompt.reasoning.enabled is not None:
            chosen: dict[str, Any] = msgspec.json.decode(arguments or b"{}")
            arguments = msgspec.json.encode(self._dialect.arguments(prompt.reasoning.enabled) | chosen)
        return msgspec.json.encode(messages), msgspec.json.encode(tools), arguments

    def speech(self, request: m.Submit, text: str, num_prompt_tokens: int) -> Speech | None:
        """Tells the parts of the answer to a rendered prompt apart; None if it can only be plain text."""
        prompt, seed = request.prompt, request.sampling.seed
        assert isinstance(prompt, m.ChatPrompt)
        reader = self._reader(prompt, text)
        if reader is None:
            return None
        return Speech(
            reader,
            self._marks,
            request.limits.stop,
            id_of=lambda index: self._dialect.call_id(call_digest(seed, num_prompt_tokens, index)),
            is_single=not prompt.calling.is_parallel,
        )

    def reasoning_sampler(
        self, answer: Sampler | None, thought: Sampler | None, prompt: m.ChatPrompt, text: str
    ) -> Sampler | None:
        """The answer's sampler, or one around it: for reasoning with an end, or with a sampler of its own."""
        dialect, wish = self._dialect, prompt.reasoning
        budget = 0 if wish.enabled is False else wish.max_tokens
        is_plain = budget is None and (thought is answer or not dialect.opens_reasoning(text))
        reader = None if is_plain else self._reader(prompt, text)
        if reader is None or not dialect.can_reason:
            return answer
        return ReasoningSampler(
            answer,
            thought,
            budget=budget,
            ending=self._engine.tokenize(dialect.end_of_reasoning, add_special=False, parse_special=True),
            reader=reader,
            piece=self._piece,
            greedy=self._engine.greedy,
        )

    def constraint(self, prompt: m.ChatPrompt, text: str, *, has_tokens: bool = True) -> m.Constraint | None:
        """What makes calls what they should be; None if nothing need be.

        Without tokens, marks are written as text: for a rehearsal, where nobody has the model's vocabulary.
        """
        offer = _offer(prompt)
        marks = {piece.decode(): token for token, piece in self._marks.items()} if has_tokens else {}
        grammar = self._dialect.grammar(offer, text, marks) if offer.tools else None
        return m.Constraint("calls", grammar) if grammar is not None else None

    # ------------------------------------------------------------------ private steps

    def _reader(self, prompt: m.ChatPrompt, text: str) -> Reader | None:
        return self._dialect.reader(text, _offer(prompt).names)

    def _piece(self, token: int) -> bytes:
        return self._engine.piece(token) or self._marks.get(token, b"")

    @cached_property
    def _marks(self) -> dict[int, bytes]:
        """The dialect's marks that are control tokens of this model. Other marks come as ordinary text."""
        found = {}
        for mark in self._dialect.marks:
            tokens = self._engine.tokenize(mark, add_special=False, parse_special=True)
            if len(tokens) == 1 and not self._engine.piece(tokens[0]):
                found[tokens[0]] = mark.encode()
        return found


def _tools(prompt: m.ChatPrompt) -> list[Tool]:
    tools: list[Tool] = msgspec.json.decode(prompt.tools, type=list[dict[str, Any]])
    return tools


def _offer(prompt: m.ChatPrompt) -> Offer:
    calling, tools = prompt.calling, _tools(prompt)
    callable_ones = (tool for tool in tools if calling.only in ("", tool["function"]["name"]))
    return Offer(tools=tuple(callable_ones), must_call=calling.must_call, is_parallel=calling.is_parallel)
