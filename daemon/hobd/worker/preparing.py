"""Makes of a request the tokens that the model is to go on from, and cuts them where the request says how.

Must never decode or touch a lane. What cannot fit is refused before it is read whole. Made and called by
intake.py, on its one thread.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from hobd.wire import messages as m
from hobd.worker import room
from hobd.worker.conversation import Conversation, messages_of
from hobd.worker.engine import Engine
from hobd.worker.gallery import Gallery, Laid, views_of
from hobd.worker.infill import INSTRUCTION, lay_out, question
from hobd.worker.refusal import Refusal
from hobd.worker.template import template_digest
from hobd.worker.views import View


@dataclass(frozen=True, slots=True)
class Prepared:
    tokens: list[int]
    num_dropped: int
    template_sha256: str
    notices: list[m.Notice] = field(default_factory=list)
    text: str = field(default="", repr=False)  # of a conversation, as it was rendered
    views: dict[int, View] = field(default_factory=dict, repr=False)  # by their first token


class Preparing:
    """Of one model."""

    def __init__(self, engine: Engine, conversation: Conversation, gallery: Gallery) -> None:
        self._engine = engine
        self._conversation = conversation
        self._gallery = gallery
        template = engine.facts.template
        self._template_sha256 = template_digest(template) if template else ""

    def prepare(self, request: m.Submit) -> Prepared:
        prompt = request.prompt
        if isinstance(prompt, m.ChatPrompt):
            return self._prepare_chat(prompt, request)
        if isinstance(prompt, m.InfillPrompt):
            return self._prepare_infill(prompt, request)
        assert not isinstance(prompt, m.EmbedPrompt | m.RerankPrompt), "they become jobs, not answers"
        if isinstance(prompt, m.TokensPrompt):
            self.check_tokens(prompt.ids)
            tokens = list(prompt.ids)
        else:
            least = self._engine.least_tokens(prompt.text)
            if least > self._available(request) and request.truncation != "keep_end":
                raise self._too_long(least, request)
            tokens = self._tokenize(prompt.text, True, prompt.parse_special)
        return self._fit_raw(tokens, request)

    def _fit_raw(self, tokens: list[int], request: m.Submit) -> Prepared:
        if len(tokens) <= self._available(request):
            return Prepared(tokens, 0, "")
        if request.truncation != "keep_end":
            raise self._too_long(tokens, request)
        kept = self._target(request)
        return Prepared(tokens[-kept:], len(tokens) - kept, "")

    def _prepare_chat(self, prompt: m.ChatPrompt, request: m.Submit) -> Prepared:
        messages = messages_of(prompt)
        laid = self._gallery.lay_out(prompt.media)
        text, whole = self._render(prompt, messages, laid, self._available(request))
        if isinstance(whole, list) and len(whole) <= self._available(request):
            return Prepared(whole, 0, self._template_sha256, text=text, views=views_of(whole, laid))
        if request.truncation != "drop_oldest_messages":
            raise self._too_long(whole, request)
        # The system prompt and the last message always stay; how many of the oldest others must go?
        first = next(
            (i for i, message in enumerate(messages) if message.get("role") != "system"), len(messages)
        )
        target = self._target(request)

        def tokens_without(num_dropped: int) -> list[int] | int:
            kept = messages[:first] + messages[first + num_dropped :]
            return self._render(prompt, kept, laid, self._available(request))[1]

        candidates = range(1, len(messages) - first)
        found = bisect.bisect_left(candidates, True, key=lambda n: _number(tokens_without(n)) <= target)
        kept = tokens_without(min(found + 1, len(candidates)))
        if not isinstance(kept, list) or len(kept) > self._available(
            request
        ):  # the last message alone does not fit
            raise self._too_long(kept, request)
        num_dropped = _number(whole) - len(kept)
        return Prepared(kept, num_dropped, self._template_sha256, text=text, views=views_of(kept, laid))

    def _prepare_infill(self, prompt: m.InfillPrompt, request: m.Submit) -> Prepared:
        facts = self._engine.facts
        if facts.fim is None:
            return self._prepare_without_fim(prompt, request)
        laid = lay_out(
            facts.fim,
            before=facts.affixes.before,
            prefix=self._tokenize(prompt.prefix, False, False),
            suffix=self._tokenize(prompt.suffix, False, False),
            repository=self._tokenize("repository\n", False, False),
            files=[self._tokenize(f"{file.path}\n{file.text}\n", False, False) for file in prompt.files],
            path=self._tokenize(f"{prompt.path}\n", False, False),
            room=self._target(request),
        )
        if not laid.num_dropped:
            return Prepared(laid.tokens, 0, "")
        notice = m.Notice(
            "infill_trimmed",
            f"{laid.num_dropped} tokens farthest from the gap did not fit and were left out, "
            f"{laid.num_files_dropped} context files among them",
        )
        return Prepared(laid.tokens, laid.num_dropped, "", [notice])

    def _prepare_without_fim(self, prompt: m.InfillPrompt, request: m.Submit) -> Prepared:
        """For a model that was never shown a gap: it is told about it, or continues the prefix."""
        if self._engine.facts.template is not None:
            way = "it is asked through its chat template"
            text = question(prompt.prefix, prompt.suffix, [(file.path, file.text) for file in prompt.files])
            messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": text}]
            chat = m.ChatPrompt(msgspec.json.encode(messages), b"[]", b"{}", False)
            prepared = self._prepare_chat(chat, request)
        else:
            way = "it continues the prefix and does not see what follows the gap"
            tokens = self._tokenize(prompt.prefix, True, False)
            kept = tokens[-self._target(request) :]
            prepared = Prepared(kept, len(tokens) - len(kept), "")
        notice = m.Notice("no_fim_tokens", f"this model has no tokens for a gap: {way}")
        return replace(prepared, notices=[notice])

    def _render(
        self, prompt: m.ChatPrompt, messages: list[dict[str, Any]], laid: Sequence[Laid], most: int
    ) -> tuple[str, list[int] | int]:
        """Text and tokens; of a text that cannot fit only how many those are at least."""
        rendering = self._conversation.render(prompt, messages, laid)
        least = self._engine.least_tokens(rendering.text) if not laid else 0
        return rendering.text, least if least > most else self._conversation.tokens(rendering)

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        return self._engine.tokenize(text, add_special=add_special, parse_special=parse_special)

    # ------------------------------------------------------------------ limits

    @property
    def _context_tokens(self) -> int:
        return self._engine.facts.context_tokens

    def _available(self, request: m.Submit) -> int:
        return room.available(self._context_tokens, request.limits)

    def _target(self, request: m.Submit) -> int:
        return room.target(self._context_tokens, request.limits)

    def _too_long(self, tokens: list[int] | int, request: m.Submit) -> Refusal:
        at_least = isinstance(tokens, int)
        return room.too_long(self._context_tokens, request.limits, _number(tokens), at_least=at_least)

    def check_tokens(self, tokens: list[int]) -> None:
        """Raises Refusal for one that the model has not."""
        vocabulary = self._engine.facts.vocabulary
        for token in tokens:
            if token >= vocabulary:
                raise Refusal(
                    "InvalidRequest",
                    f"token {token} does not exist; this model has tokens 0 to {vocabulary - 1}",
                )


def _number(tokens: list[int] | int) -> int:
    return tokens if isinstance(tokens, int) else len(tokens)
