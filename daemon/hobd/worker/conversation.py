"""Conversations to prompts: what the template sees of one, its rendered text, and the tokens of that.

Must never decode or touch a lane, and lets nothing that a message says become a control token. Made and
called by intake.py, on its one thread.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from hobd.wire import messages as m
from hobd.worker.engine import Affixes, Engine
from hobd.worker.guard import Guard
from hobd.worker.refusal import Refusal
from hobd.worker.template import Renderer, TemplateError
from hobd.worker.voice import Voice


class Conversation:
    """How one model's conversations become prompts."""

    def __init__(self, engine: Engine, renderer: Renderer, voice: Voice) -> None:
        self._engine = engine
        self._renderer = renderer
        self._voice = voice

    def render(self, prompt: m.ChatPrompt, messages: list[dict[str, Any]]) -> tuple[str, list[int]]:
        """The prompt's text and tokens, for these messages of it. Raises Refusal."""
        facts = self._engine.facts
        if facts.template is None:
            raise Refusal(
                "NotSupported",
                "this model has no chat template; send raw text (`hob run --raw`) instead, "
                "or put a template beside the model, as NAME.jinja",
            )
        if prompt.reasoning.enabled and not self._voice.can_reason:
            raise Refusal(
                "NotSupported", "this model's chat template knows no reasoning; leave reasoning.enabled unset"
            )
        messages_json, tools, arguments = self._hidden(prompt, messages)
        try:
            rendered = self._renderer.render(
                facts.template,
                messages_json,
                tools,
                arguments,
                add_generation_prompt=not prompt.continue_last,
                continue_last=prompt.continue_last,
                bos=facts.bos_text,
                eos=facts.eos_text,
            )
        except TemplateError as error:
            raise Refusal(error.error, error.message) from None
        text = self._guard.shown(rendered)
        return text, self._tokens(rendered, text)

    def _tokens(self, rendered: str, text: str) -> list[int]:
        facts, tokenize = self._engine.facts, self._engine.tokenize
        has_bos = bool(facts.bos_text) and text.startswith(facts.bos_text)
        tokens = self._guard.tokens(
            rendered,
            lambda piece: tokenize(piece, add_special=False, parse_special=False),
            Affixes() if has_bos else facts.affixes,
        )
        return tokenize(text, add_special=not has_bos, parse_special=True) if tokens is None else tokens

    def _hidden(self, prompt: m.ChatPrompt, messages: list[dict[str, Any]]) -> tuple[bytes, bytes, bytes]:
        """What the template sees: control tokens that somebody wrote are hidden, those of the dialect not."""
        hide = self._guard.hide
        guarded = msgspec.structs.replace(
            prompt,
            tools=msgspec.json.encode(hide(msgspec.json.decode(prompt.tools or b"[]"))),
            arguments=msgspec.json.encode(hide(msgspec.json.decode(prompt.arguments or b"{}"))),
        )
        return self._voice.enter(guarded, hide(messages))

    @cached_property
    def _guard(self) -> Guard:
        return Guard(self._engine.controls)


def messages_of(prompt: m.ChatPrompt) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = msgspec.json.decode(prompt.messages, type=list[dict[str, Any]])
    return messages
