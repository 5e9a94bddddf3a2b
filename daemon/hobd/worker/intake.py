"""Turns what the broker sends into work for the loop: renders, tokenizes, checks that it fits.

Must never decode or touch a lane: it runs on the worker's second thread, beside the loop. A request it
cannot take is refused with numbers, never with text of the prompt. Made by worker/__main__.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from hobd.wire import messages as m
from hobd.worker import room
from hobd.worker.adapters import Adapters
from hobd.worker.answer import Answer
from hobd.worker.attesting import attested
from hobd.worker.beholder import Beholder
from hobd.worker.conversation import Conversation, messages_of
from hobd.worker.engine import ConstraintUnusable, Engine, Sampler
from hobd.worker.gallery import Gallery
from hobd.worker.lookup import Lookup
from hobd.worker.preparing import Prepared, Preparing
from hobd.worker.refusal import Refusal
from hobd.worker.sequence import Sequence
from hobd.worker.template import Renderer, TemplateError, template_digest
from hobd.worker.variants import domain_of
from hobd.worker.vector_intake import vector_job
from hobd.worker.vector_job import VectorJob
from hobd.worker.views import words
from hobd.worker.voice import Voice

# What a reply may have, beside its head, to be no breach of the contract; and the most of it a token takes.
_MAX_REPLY_BYTES = m.MAX_FRAME_TO_BROKER_BYTES - 1024
_TOKEN_BYTES = 5


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
        self._preparing = Preparing(engine, self._conversation, self._gallery)
        self._beholder = Beholder(engine.projector) if engine.projector is not None else None

    def on_message(self, message: m.Message) -> None:
        """Handles one message from the broker; whatever goes wrong is that request's refusal alone."""
        if isinstance(message, m.Cancel):
            if self._beholder is not None:
                self._beholder.cancel(message.id)
            self._cancel(message.id)
            return
        if isinstance(message, m.Attest):
            self._send(attested(message, self._renderer, self._gallery.darkroom))
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
        engine = self._engine
        match message:
            case m.Submit():
                self._take_submit(message)
            case m.Tokenize():
                tokens = engine.tokenize(
                    message.text, add_special=message.add_special, parse_special=message.parse_special
                )
                _check_reply("the tokens", len(tokens) * _TOKEN_BYTES)
                self._send(m.Tokens(message.id, tokens))
            case m.Detokenize():
                self._preparing.check_tokens(message.tokens)
                # A byte that is no UTF-8 becomes three.
                _check_reply("the text", 3 * sum(len(engine.piece(token)) for token in message.tokens))
                pieces = b"".join(engine.piece(token) for token in message.tokens)
                self._send(m.Text(message.id, pieces.decode("utf-8", "replace")))
            case m.Render():
                laid = self._gallery.lay_out(message.prompt.media)
                rendering = self._conversation.render(message.prompt, messages_of(message.prompt), laid)
                tokens = self._conversation.tokens(rendering)
                self._send(m.Rendered(message.id, rendering.text, len(tokens), self._template_sha256))

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
        prepared = self._preparing.prepare(request)
        if not prepared.tokens:
            raise Refusal("InvalidRequest", "the prompt is empty; send at least one token of text")
        self._preparing.check_tokens([token for token, _ in request.sampling.logit_bias])
        limits, told = request.limits, request.resume.tokens if request.resume else []
        self._preparing.check_tokens(told)
        sequence = Sequence(
            request.id,
            prepared.tokens,
            generated=told,
            priority=request.priority,
            max_tokens=room.most_tokens(self._engine.facts.context_tokens, limits, len(prepared.tokens)),
            ignore_eos=limits.ignore_eos,
            domain=domain_of(variant, request.domain),
            caller=request.caller,
            variant=variant,
            views=prepared.views,
        )
        if len(sequence.tokens) > room.available(self._engine.facts.context_tokens, limits):
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

    def _admit(self, answer: Answer, prepared: Prepared, problem: str, is_cancelled: bool) -> None:
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

    def _new_sampler(self, request: m.Submit, prepared: Prepared, told: list[int]) -> Sampler | None:
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

    def _constraint(self, request: m.Submit, prepared: Prepared) -> m.Constraint | None:
        """What the request says, or what its tools ask for; rehearsed."""
        prompt, wanted = request.prompt, request.constraint
        trial = wanted
        if wanted is None and isinstance(prompt, m.ChatPrompt):
            wanted = self._voice.constraint(prompt, prepared.text)
            trial = self._voice.constraint(prompt, prepared.text, has_tokens=False)
        if trial is not None:
            self._renderer.rehearse(trial)
        return wanted


def _check_reply(what: str, size: int) -> None:
    if size > _MAX_REPLY_BYTES:
        raise Refusal(
            "InvalidRequest",
            f"{what} may take {size} bytes, over the {_MAX_REPLY_BYTES} of one reply; ask in parts",
        )
