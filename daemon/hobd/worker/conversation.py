"""Conversations to prompts: what the template sees of one, its rendered text, and the tokens of that.

Must never decode or touch a lane, and lets nothing that a message says become a control token. Made and
called by intake.py, on its one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from hobd.wire import messages as m
from hobd.worker.engine import Affixes, Engine
from hobd.worker.gallery import Gallery, Laid, flat
from hobd.worker.guard import Guard
from hobd.worker.refusal import Refusal
from hobd.worker.template import Renderer, TemplateError
from hobd.worker.voice import Voice


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the template made of messages: with what hides control tokens that they wrote, and as it reads."""

    guarded: str = field(repr=False)
    text: str = field(repr=False)
    laid: Sequence[Laid] = field(repr=False)


class Conversation:
    """How one model's conversations become prompts."""

    def __init__(self, engine: Engine, renderer: Renderer, voice: Voice, gallery: Gallery) -> None:
        self._gallery = gallery
        self._engine = engine
        self._renderer = renderer
        self._voice = voice

    def render(
        self, prompt: m.ChatPrompt, messages: list[dict[str, Any]], laid: Sequence[Laid] = ()
    ) -> Rendering:
        """The text of these messages of a prompt, whose media were laid out. Raises Refusal."""
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
        messages = [self._gallery.marked(message) for message in messages]
        try:
            rendered = self._rendered(facts.template, prompt, messages)
        except TemplateError as error:
            raise Refusal(error.error, error.message) from None
        text = self._guard.shown(rendered)
        return Rendering(rendered, self._gallery.shown(text) if laid else text, laid)

    def tokens(self, rendering: Rendering) -> list[int]:
        """What the text is in tokens."""
        if rendering.laid:
            return self._tokens_among_media(rendering.guarded, rendering.text, rendering.laid)
        return self._tokens(rendering.guarded, rendering.text)

    def _rendered(self, template: str, prompt: m.ChatPrompt, messages: list[dict[str, Any]]) -> str:
        messages_json, tools, arguments = self._hidden(prompt, messages)
        return self._renderer.render(
            template,
            messages_json,
            tools,
            arguments,
            add_generation_prompt=not prompt.continue_last,
            continue_last=prompt.continue_last,
            bos=self._engine.facts.bos_text,
            eos=self._engine.facts.eos_text,
        )

    def _tokens_among_media(self, rendered: str, text: str, laid: Sequence[Laid]) -> list[int]:
        """Text between media is tokenized piece by piece, as llama.cpp does it."""
        facts, tokenize = self._engine.facts, self._engine.tokenize
        affixes = Affixes() if facts.bos_text and text.startswith(facts.bos_text) else facts.affixes
        tokens = list(affixes.before)
        for piece in self._gallery.pieces(rendered):
            if isinstance(piece, int):
                tokens += flat(laid[piece])
                continue
            found = self._guard.tokens(
                piece, lambda text: tokenize(text, add_special=False, parse_special=False), Affixes()
            )
            plain = found is None
            tokens += tokenize(piece, add_special=False, parse_special=True) if plain else found or []
        return tokens + list(affixes.after)

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
