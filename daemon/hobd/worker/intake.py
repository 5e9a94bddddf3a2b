"""Turns what the broker sends into work for the loop: renders, tokenizes, checks that it fits.

Must never decode or touch a lane: it runs on the worker's second thread, beside the loop. A request it
cannot take is refused with numbers, never with text of the prompt. Made by worker/__main__.py.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec

from hobd.wire import messages as m
from hobd.worker import room
from hobd.worker.adapters import Adapters
from hobd.worker.answer import Answer
from hobd.worker.beholder import Beholder
from hobd.worker.conversation import Conversation, messages_of
from hobd.worker.engine import ConstraintUnusable, Engine, Sampler
from hobd.worker.gallery import Gallery, views_of
from hobd.worker.infill import INSTRUCTION, lay_out, question
from hobd.worker.lookup import Lookup
from hobd.worker.refusal import Refusal
from hobd.worker.sequence import Sequence
from hobd.worker.template import Renderer, TemplateError, template_digest
from hobd.worker.variants import domain_of
from hobd.worker.vector_intake import vector_job
from hobd.worker.vector_job import VectorJob
from hobd.worker.views import View, words
from hobd.worker.voice import Voice

# What a reply may have, beside its head, to be no breach of the contract; and the most of it a token takes.
_MAX_REPLY_BYTES = m.MAX_FRAME_TO_BROKER_BYTES - 1024
_TOKEN_BYTES = 5


@dataclass(frozen=True, slots=True)
class _Prepared:
    tokens: list[int]
    num_dropped: int
    template_sha256: str
    notices: list[m.Notice] = field(default_factory=list)
    text: str = field(default="", repr=False)  # of a conversation, as it was rendered
    views: dict[int, View] = field(default_factory=dict, repr=False)  # by their first token


class Intake:
    """`on_message` for every message. Replies go to `send`, new answers and cancellations to the loop."""

    def __init__(
        self,
        engine: Engine,
        renderer: Renderer,
        *,
        send: Callable[[m.Message], None],
        submit: Callable[[Answer | VectorJob], None],
        cancel: Callable[[int], None],
        adapters: Adapters | None = None,
        gallery: Gallery | None = None,
    ) -> None:
        self._engine = engine
        self._adapters = adapters or Adapters()
        self._renderer = renderer
        self._send = send
        self._submit = submit
        self._cancel = cancel
        template = engine.facts.template
        self._template_sha256 = template_digest(template) if template else ""
        self._voice = Voice(template or "", engine)
        self._gallery = gallery or Gallery(None, None)
        self._conversation = Conversation(engine, renderer, self._voice, self._gallery)
        self._beholder = Beholder(engine.projector) if engine.projector is not None else None

    def on_message(self, message: m.Message) -> None:
        """Handles one message from the broker; whatever goes wrong is that request's refusal alone."""
        if isinstance(message, m.Cancel):
            if self._beholder is not None:
                self._beholder.cancel(message.id)
            self._cancel(message.id)
            return
        if not isinstance(message, m.Submit | m.Tokenize | m.Detokenize | m.Render):
            raise ValueError(f"a {type(message).__name__} while serving")
        try:
            self._take(message)
        except Refusal as refusal:
            self._send(
                m.Refused(
                    message.id, refusal.error, refusal.message[:1000], refusal.needed, refusal.available
                )
            )
        except MemoryError:
            self._send(
                m.Refused(message.id, "OutOfMemory", "the worker has no memory for this request; send less")
            )

    def _take(self, message: m.Submit | m.Tokenize | m.Detokenize | m.Render) -> None:
        match message:
            case m.Submit():
                self._take_submit(message)
            case m.Tokenize():
                tokens = self._tokenize(message.text, message.add_special, message.parse_special)
                _check_reply("the tokens", len(tokens) * _TOKEN_BYTES)
                self._send(m.Tokens(message.id, tokens))
            case m.Detokenize():
                self._check_tokens(message.tokens)
                # A byte that is no UTF-8 becomes three.
                _check_reply("the text", 3 * sum(len(self._engine.piece(token)) for token in message.tokens))
                pieces = b"".join(self._engine.piece(token) for token in message.tokens)
                self._send(m.Text(message.id, pieces.decode("utf-8", "replace")))
            case m.Render():
                laid = self._gallery.lay_out(message.prompt.media)
                text, tokens = self._conversation.render(message.prompt, messages_of(message.prompt), laid)
                self._send(m.Rendered(message.id, text, len(tokens), self._template_sha256))

    def _take_submit(self, request: m.Submit) -> None:
        if isinstance(request.prompt, m.EmbedPrompt | m.RerankPrompt):
            job = vector_job(request, self._engine)
            self._send(m.Admitted(request.id, job.num_tokens, 0, ""))
            self._submit(job)
            return
        if not self._engine.facts.can_generate:
            raise Refusal(
                "NotSupported",
                "this model was made for vectors and does not generate; use it to embed or rerank, "
                "or name another model",
            )
        now_ns = time.monotonic_ns()
        variant = self._adapters.variant(request.loras)
        prepared = self._prepare(request)
        if not prepared.tokens:
            raise Refusal("InvalidRequest", "the prompt is empty; send at least one token of text")
        self._check_tokens([token for token, _ in request.sampling.logit_bias])
        limits, told = request.limits, request.resume.tokens if request.resume else []
        self._check_tokens(told)
        sequence = Sequence(
            request.id,
            prepared.tokens,
            generated=told,
            priority=request.priority,
            max_tokens=room.most_tokens(self._context_tokens, limits, len(prepared.tokens)),
            ignore_eos=limits.ignore_eos,
            domain=domain_of(variant, request.domain),
            caller=request.caller,
            variant=variant,
            views=prepared.views,
        )
        if len(sequence.tokens) > room.available(self._context_tokens, limits):
            raise Refusal("InvalidRequest", "the answer to be resumed is as long as the context already")
        if self._engine.facts.speculates:
            sequence.lookup = Lookup(sequence.tokens)
        sampler = self._new_sampler(request, prepared, told)
        speech = None
        if isinstance(request.prompt, m.ChatPrompt):
            speech = self._voice.speech(request, prepared.text, len(prepared.tokens))
        answer = Answer(sequence, sampler, limits, now_ns=now_ns, speech=speech)
        answer.replay(told, self._engine.piece)
        admit = partial(self._admit, answer, prepared)
        if self._beholder is None or not prepared.views:
            admit("", False)
        else:  # until that is done, who dies dies of it
            self._beholder.behold(request.id, sequence.domain, prepared.views.values(), admit)

    def _admit(self, answer: Answer, prepared: _Prepared, problem: str, is_cancelled: bool) -> None:
        """Hands an answer to the loop, when all that its prompt shows has been seen. From either thread."""
        id = answer.sequence.id
        if problem:
            self._send(m.Refused(id, "InvalidRequest", problem[:1000]))
            return
        self._send(
            m.Admitted(
                id,
                len(prepared.tokens),
                prepared.num_dropped,
                prepared.template_sha256,
                prepared.notices,
                len(prepared.tokens) - len(words(prepared.tokens)),
            )
        )
        answer.is_cancelled = is_cancelled
        self._submit(answer)

    def _new_sampler(self, request: m.Submit, prepared: _Prepared, told: list[int]) -> Sampler | None:
        """A sampler that has seen the prompt and what was told of the answer."""
        prompt, new_sampler = request.prompt, self._engine.new_sampler
        said = words(prepared.tokens) if prepared.views else prepared.tokens
        try:
            sampler = new_sampler(request.sampling, said, self._constraint(request, prepared))
        except ConstraintUnusable as error:
            raise Refusal("InvalidRequest", str(error)) from None
        except TemplateError as error:
            raise Refusal(error.error, error.message) from None
        if isinstance(prompt, m.ChatPrompt):
            free = sampler
            if request.constraint is not None:  # the answer has a shape, and its reasoning has none
                free = new_sampler(request.sampling, said)
            sampler = self._voice.reasoning_sampler(sampler, free, prompt, prepared.text)
        if sampler is not None:
            for token in told:
                sampler.accept(token)
        return sampler

    def _constraint(self, request: m.Submit, prepared: _Prepared) -> m.Constraint | None:
        """What the request says, or what its tools ask for; rehearsed."""
        prompt, wanted = request.prompt, request.constraint
        trial = wanted
        if wanted is None and isinstance(prompt, m.ChatPrompt):
            wanted = self._voice.constraint(prompt, prepared.text)
            trial = self._voice.constraint(prompt, prepared.text, has_tokens=False)
        if trial is not None:
            self._renderer.rehearse(trial)
        return wanted

    # ------------------------------------------------------------------ prompts

    def _prepare(self, request: m.Submit) -> _Prepared:
        prompt = request.prompt
        if isinstance(prompt, m.ChatPrompt):
            return self._prepare_chat(prompt, request)
        if isinstance(prompt, m.InfillPrompt):
            return self._prepare_infill(prompt, request)
        assert not isinstance(prompt, m.EmbedPrompt | m.RerankPrompt), "they become jobs, not answers"
        if isinstance(prompt, m.TokensPrompt):
            self._check_tokens(prompt.ids)
            tokens = list(prompt.ids)
        else:
            tokens = self._tokenize(prompt.text, True, prompt.parse_special)
        return self._fit_raw(tokens, request)

    def _fit_raw(self, tokens: list[int], request: m.Submit) -> _Prepared:
        if (
            len(tokens) <= room.available(self._context_tokens, request.limits)
            or request.truncation != "keep_end"
        ):
            room.check_fits(self._context_tokens, request.limits, len(tokens))
            return _Prepared(tokens, 0, "")
        kept = room.target(self._context_tokens, request.limits)
        return _Prepared(tokens[-kept:], len(tokens) - kept, "")

    def _prepare_chat(self, prompt: m.ChatPrompt, request: m.Submit) -> _Prepared:
        messages = messages_of(prompt)
        laid = self._gallery.lay_out(prompt.media)
        text, whole = self._conversation.render(prompt, messages, laid)
        if (
            len(whole) <= room.available(self._context_tokens, request.limits)
            or request.truncation != "drop_oldest_messages"
        ):
            room.check_fits(self._context_tokens, request.limits, len(whole))
            return _Prepared(whole, 0, self._template_sha256, text=text, views=views_of(whole, laid))
        # The system prompt and the last message always stay; how many of the oldest others must go?
        first = next(
            (i for i, message in enumerate(messages) if message.get("role") != "system"), len(messages)
        )
        target = room.target(self._context_tokens, request.limits)

        def tokens_without(num_dropped: int) -> list[int]:
            kept = messages[:first] + messages[first + num_dropped :]
            return self._conversation.render(prompt, kept, laid)[1]

        candidates = range(1, len(messages) - first)
        found = bisect.bisect_left(candidates, True, key=lambda n: len(tokens_without(n)) <= target)
        if found == len(candidates):
            # the last message alone may still fit
            room.check_fits(self._context_tokens, request.limits, len(tokens_without(len(candidates))))
        kept = tokens_without(min(found + 1, len(candidates)))
        num_dropped = len(whole) - len(kept)
        return _Prepared(kept, num_dropped, self._template_sha256, text=text, views=views_of(kept, laid))

    def _prepare_infill(self, prompt: m.InfillPrompt, request: m.Submit) -> _Prepared:
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
            room=room.target(self._context_tokens, request.limits),
        )
        if not laid.num_dropped:
            return _Prepared(laid.tokens, 0, "")
        notice = m.Notice(
            "infill_trimmed",
            f"{laid.num_dropped} tokens farthest from the gap did not fit and were left out, "
            f"{laid.num_files_dropped} context files among them",
        )
        return _Prepared(laid.tokens, laid.num_dropped, "", [notice])

    def _prepare_without_fim(self, prompt: m.InfillPrompt, request: m.Submit) -> _Prepared:
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
            kept = tokens[-room.target(self._context_tokens, request.limits) :]
            prepared = _Prepared(kept, len(tokens) - len(kept), "")
        notice = m.Notice("no_fim_tokens", f"this model has no tokens for a gap: {way}")
        return replace(prepared, notices=[notice])

    def _tokenize(self, text: str, add_special: bool, parse_special: bool) -> list[int]:
        return self._engine.tokenize(text, add_special=add_special, parse_special=parse_special)

    # ------------------------------------------------------------------ limits

    @property
    def _context_tokens(self) -> int:
        return self._engine.facts.context_tokens

    def _check_tokens(self, tokens: list[int]) -> None:
        vocabulary = self._engine.facts.vocabulary
        for token in tokens:
            if token >= vocabulary:
                raise Refusal(
                    "InvalidRequest",
                    f"token {token} does not exist; this model has tokens 0 to {vocabulary - 1}",
                )


def _check_reply(what: str, size: int) -> None:
    if size > _MAX_REPLY_BYTES:
        raise Refusal(
            "InvalidRequest",
            f"{what} may take {size} bytes, over the {_MAX_REPLY_BYTES} of one reply; ask in parts",
        )
