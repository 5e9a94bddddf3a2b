"""The asynchronous client.

Must never block the loop, and never outlive its calls on the server: a closed or dropped iterator cancels.
Used by anybody's Python; client.py is its twin.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Unpack

from hob.v1 import daemon_pb2, inference_pb2, models_pb2

from hob_client.async_calls import AsyncCalls
from hob_client.events import Answer, AnswerBuilder, Event, Progress
from hob_client.parameters import Options, Parameters
from hob_client.reading import read, read_details
from hob_client.requests import (
    ChatParameters,
    Message,
    chat_request,
    check_text,
    generate_request,
    load_request,
    token_ids,
    tune_request,
)
from hob_client.texts import EmbeddingsBuilder, EmbedOptions, embed_request, infill_request, rerank_request
from hob_client.tools import Talk
from hob_client.values import Embedding, Embeddings, Ranking, Receipt, RenderedPrompt

if TYPE_CHECKING:  # who asks a question waits for no class that its answer does not need
    from hob_client.door_calls import AsyncDoorCalls
    from hob_client.models import (
        EngineSettings,
        Model,
        ModelDetails,
        Plan,
        Released,
        Resident,
        Tunings,
        Unloaded,
        Verified,
    )
    from hob_client.states import Attestation, Drained, Forgotten, Happening, Privacy, Status, Wires


class AsyncClient(AsyncCalls):
    """A connection to the daemon of one socket, for the tasks of one loop.

    `start`: launch a daemon when none answers; else wait `wait_seconds` for one. `timeout`: seconds that
    any call may take. Methods raise the errors of hob_client.errors and nothing else.
    """

    # ------------------------------------------------------------- answers

    def generate(
        self,
        model: str,
        prompt: str | Sequence[int],
        *,
        parse_special: bool = False,
        **parameters: Unpack[Parameters],
    ) -> AsyncGenerator[Event, None]:
        """Continue raw text or tokens. An empty model name means the daemon's default."""
        request = generate_request(model, prompt, parse_special, parameters)
        return self._events(lambda link: link.inference.Generate, request)

    def chat(
        self,
        model: str,
        messages: str | Sequence[Message],
        **parameters: Unpack[ChatParameters],
    ) -> AsyncGenerator[Event, None]:
        """Answer a conversation through the model's template; a plain text is one turn of the user's.

        With `tools` the model may ask for calls of them; nothing here runs one.
        """
        request = chat_request(model, messages, parameters)
        return self._events(lambda link: link.inference.Chat, request)

    async def complete(
        self, model: str, prompt: str | Sequence[int], **parameters: Unpack[Parameters]
    ) -> Answer:
        """generate(), as a whole."""
        return await _gather(self.generate(model, prompt, **parameters))

    async def ask(
        self, model: str, messages: str | Sequence[Message], **parameters: Unpack[ChatParameters]
    ) -> Answer:
        """chat(), as a whole."""
        return await _gather(self.chat(model, messages, **parameters))

    # ------------------------------------------------------------- gaps and vectors

    def infill(
        self,
        model: str,
        prefix: str,
        suffix: str,
        *,
        path: str = "",
        context_files: Mapping[str, str] | None = None,
        **parameters: Unpack[Parameters],
    ) -> AsyncGenerator[Event, None]:
        """Write what is missing between prefix and suffix. `context_files`: others by path, best first."""
        request = infill_request(model, prefix, suffix, path, context_files or {}, parameters)
        return self._events(lambda link: link.inference.Infill, request)

    def embed_each(
        self, model: str, inputs: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> AsyncGenerator[Progress | Embedding | Receipt, None]:
        """The vectors of texts as they are ready, in any order; the Receipt comes last."""
        request = embed_request(model, inputs, options)
        return self._kinds(lambda link: link.inference.Embed, request)

    async def embed(
        self, model: str, inputs: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> Embeddings:
        """embed_each(), as a whole, in the order of the inputs."""
        vectors = EmbeddingsBuilder()
        async for step in self.embed_each(model, inputs, **options):
            vectors.add(step)
        return vectors.finish()

    async def rerank(
        self,
        model: str,
        query: str,
        documents: Sequence[str],
        *,
        top_n: int | None = None,
        **options: Unpack[Options],
    ) -> Ranking:
        """Documents by how well they answer a query, the best first."""
        request = rerank_request(model, query, documents, top_n, options)
        ranking: Ranking = read(await self._call(lambda link: link.inference.Rerank, request))
        return ranking

    # ------------------------------------------------------------- tokens and templates

    async def tokenize(
        self, model: str, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        check_text("the text", text)
        request = inference_pb2.TokenizeRequest(
            model=model, text=text, add_special=add_special, parse_special=parse_special
        )
        return list((await self._call(lambda link: link.inference.Tokenize, request)).ids)

    async def detokenize(self, model: str, ids: Sequence[int]) -> str:
        request = inference_pb2.DetokenizeRequest(model=model, ids=token_ids(ids).ids)
        text: str = (await self._call(lambda link: link.inference.Detokenize, request)).text
        return text

    async def apply_template(
        self,
        model: str,
        messages: str | Sequence[Message],
        **talk: Unpack[Talk],
    ) -> RenderedPrompt:
        """The prompt that chat() would run."""
        chat = chat_request(model, messages, talk)
        request = inference_pb2.ApplyTemplateRequest(chat=chat)
        rendered: RenderedPrompt = read(await self._call(lambda link: link.inference.ApplyTemplate, request))
        return rendered

    # ------------------------------------------------------------- models

    async def models(self) -> list[Model]:
        answer = await self._call(lambda link: link.models.ListModels, models_pb2.ListModelsRequest())
        return [read(model) for model in answer.models]

    async def model(self, model: str) -> ModelDetails:
        """One model: what its file says, and what loading it would take."""
        request = models_pb2.GetModelRequest(model=model)
        return read_details(await self._call(lambda link: link.models.GetModel, request))

    async def plan(self, model: str) -> Plan:
        """What loading a model now would take and do; loads nothing."""
        request = models_pb2.LoadModelRequest(model=model, dry_run=True)
        plans: list[Plan] = [plan async for plan in self._kinds(lambda link: link.models.LoadModel, request)]
        return plans[0]

    def load(
        self,
        model: str,
        *,
        pin: bool = False,
        keep_alive_seconds: int | None = None,
        trial: EngineSettings | None = None,
    ) -> AsyncGenerator[Progress | Resident, None]:
        """Bring a model into memory; the Resident comes last. `trial`: with these settings, this once."""
        request = load_request(model, pin, keep_alive_seconds, trial)
        return self._kinds(lambda link: link.models.LoadModel, request)

    async def unload(self, model: str, *, force: bool = False) -> Unloaded:
        """Free a model's memory. `force`: end its requests instead of waiting for them."""
        request = models_pb2.UnloadModelRequest(model=model, force=force)
        unloaded: Unloaded = read(await self._call(lambda link: link.models.UnloadModel, request))
        return unloaded

    async def forget(self, model: str = "", *, cache_domain: str | None = None) -> Forgotten:
        """Drop what is kept of your prompts, of all models if none is named."""
        request = models_pb2.ForgetCacheRequest(model=model, cache_domain=cache_domain)
        forgotten: Forgotten = read(await self._call(lambda link: link.models.ForgetCache, request))
        return forgotten

    async def tune(
        self, model: str = "", *, remember: EngineSettings | None = None, forget: bool = False
    ) -> Tunings:
        """What was measured to suit models here; remembers or forgets it for one."""
        request = tune_request(model, remember, forget)
        told: Tunings = read(await self._call(lambda link: link.models.TuneModel, request))
        return told

    async def pin(self, model: str, pinned: bool = True) -> None:
        """Keep a model from being evicted, or let it go."""
        await self._call(
            lambda link: link.models.PinModel, models_pb2.PinModelRequest(model=model, pinned=pinned)
        )

    def verify(self, model: str, *, accept: bool = False) -> AsyncGenerator[Progress | Verified, None]:
        """Compare a model's files with what they should be, or accept them; the Verified comes last."""
        request = models_pb2.VerifyModelRequest(model=model, accept=accept)
        return self._kinds(lambda link: link.models.VerifyModel, request)

    async def release(self, model: str) -> Released:
        """Let a model out of quarantine, and what lies beside it."""
        request = models_pb2.ReleaseModelRequest(model=model)
        released: Released = read(await self._call(lambda link: link.models.ReleaseModel, request))
        return released

    # ------------------------------------------------------------- the daemon

    async def status(self) -> Status:
        status: Status = read(
            await self._call(lambda link: link.daemon.GetStatus, daemon_pb2.GetStatusRequest())
        )
        return status

    async def watch(self) -> AsyncGenerator[Happening, None]:
        """What happens from now on, without content."""
        request = daemon_pb2.WatchEventsRequest()
        async with aclosing(self._stream(lambda link: link.daemon.WatchEvents, request)) as messages:
            async for message in messages:
                yield read(message)

    @property
    def doors(self) -> AsyncDoorCalls:
        """Who may ask what through which socket; for the owner's door alone."""
        from hob_client.door_calls import AsyncDoorCalls

        return AsyncDoorCalls(self._call)

    async def attest(self) -> Attestation:
        """The evidence that the daemon and its workers are confined."""
        told: Attestation = read(
            await self._call(lambda link: link.daemon.Attest, daemon_pb2.AttestRequest())
        )
        return told

    async def wires(self) -> Wires:
        """What could touch a network, and what of it there is."""
        told: Wires = read(await self._call(lambda link: link.daemon.GetWires, daemon_pb2.GetWiresRequest()))
        return told

    async def privacy(self) -> Privacy:
        """Where what is said is kept, and for how long."""
        request = daemon_pb2.GetPrivacyRequest()
        told: Privacy = read(await self._call(lambda link: link.daemon.GetPrivacy, request))
        return told

    async def drain(self, deadline_ms: int | None = None) -> Drained:
        """Let requests under way finish, then end the daemon."""
        request = daemon_pb2.DrainRequest(deadline_ms=deadline_ms)
        drained: Drained = read(await self._call(lambda link: link.daemon.Drain, request))
        return drained


async def _gather(events: AsyncGenerator[Event, None]) -> Answer:
    answer = AnswerBuilder()
    async for event in events:
        answer.add(event)
    return answer.finish()
