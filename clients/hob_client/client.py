"""The synchronous client.

Must never outlive its calls on the server: an iterator that is closed or dropped cancels its call.
Used by the CLI and by anybody's Python; async_client.py is its twin.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Unpack

from hob.v1 import daemon_pb2, inference_pb2, models_pb2

from hob_client.calls import Calls
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
    from hob_client.door_calls import DoorCalls
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


class Client(Calls):
    """A connection to the daemon of one socket. Threads may share it.

    `socket`: a path, or `ssh://user@box` for a daemon elsewhere, reached through your own ssh. Unsaid, it is
    `$HOB_SOCKET`, `$HOB_HOST` or the user's own.
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
    ) -> Generator[Event, None, None]:
        """Continue raw text or tokens. An empty model name means the daemon's default."""
        request = generate_request(model, prompt, parse_special, parameters)
        return self._events(lambda link: link.inference.Generate, request)

    def chat(
        self,
        model: str,
        messages: str | Sequence[Message],
        **parameters: Unpack[ChatParameters],
    ) -> Generator[Event, None, None]:
        """Answer a conversation through the model's template; a plain text is one turn of the user's.

        With `tools` the model may ask for calls of them; nothing here runs one.
        """
        request = chat_request(model, messages, parameters)
        return self._events(lambda link: link.inference.Chat, request)

    def complete(self, model: str, prompt: str | Sequence[int], **parameters: Unpack[Parameters]) -> Answer:
        """generate(), as a whole."""
        return _gather(self.generate(model, prompt, **parameters))

    def ask(
        self, model: str, messages: str | Sequence[Message], **parameters: Unpack[ChatParameters]
    ) -> Answer:
        """chat(), as a whole."""
        return _gather(self.chat(model, messages, **parameters))

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
    ) -> Generator[Event, None, None]:
        """Write what is missing between prefix and suffix. `context_files`: others by path, best first."""
        request = infill_request(model, prefix, suffix, path, context_files or {}, parameters)
        return self._events(lambda link: link.inference.Infill, request)

    def embed_each(
        self, model: str, inputs: str | Sequence[str], **options: Unpack[EmbedOptions]
    ) -> Generator[Progress | Embedding | Receipt, None, None]:
        """The vectors of texts as they are ready, in any order; the Receipt comes last."""
        request = embed_request(model, inputs, options)
        return self._kinds(lambda link: link.inference.Embed, request)

    def embed(self, model: str, inputs: str | Sequence[str], **options: Unpack[EmbedOptions]) -> Embeddings:
        """embed_each(), as a whole, in the order of the inputs."""
        vectors = EmbeddingsBuilder()
        for step in self.embed_each(model, inputs, **options):
            vectors.add(step)
        return vectors.finish()

    def rerank(
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
        ranking: Ranking = read(self._call(lambda link: link.inference.Rerank, request))
        return ranking

    # ------------------------------------------------------------- tokens and templates

    def tokenize(
        self, model: str, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        check_text("the text", text)
        request = inference_pb2.TokenizeRequest(
            model=model, text=text, add_special=add_special, parse_special=parse_special
        )
        return list(self._call(lambda link: link.inference.Tokenize, request).ids)

    def detokenize(self, model: str, ids: Sequence[int]) -> str:
        request = inference_pb2.DetokenizeRequest(model=model, ids=token_ids(ids).ids)
        text: str = self._call(lambda link: link.inference.Detokenize, request).text
        return text

    def apply_template(
        self,
        model: str,
        messages: str | Sequence[Message],
        **talk: Unpack[Talk],
    ) -> RenderedPrompt:
        """The prompt that chat() would run."""
        chat = chat_request(model, messages, talk)
        request = inference_pb2.ApplyTemplateRequest(chat=chat)
        rendered: RenderedPrompt = read(self._call(lambda link: link.inference.ApplyTemplate, request))
        return rendered

    # ------------------------------------------------------------- models

    def models(self) -> list[Model]:
        answer = self._call(lambda link: link.models.ListModels, models_pb2.ListModelsRequest())
        return [read(model) for model in answer.models]

    def model(self, model: str) -> ModelDetails:
        """One model: what its file says, and what loading it would take."""
        request = models_pb2.GetModelRequest(model=model)
        return read_details(self._call(lambda link: link.models.GetModel, request))

    def plan(self, model: str) -> Plan:
        """What loading a model now would take and do; loads nothing."""
        request = models_pb2.LoadModelRequest(model=model, dry_run=True)
        plans: list[Plan] = list(self._kinds(lambda link: link.models.LoadModel, request))
        return plans[0]

    def load(
        self,
        model: str,
        *,
        pin: bool = False,
        keep_alive_seconds: int | None = None,
        trial: EngineSettings | None = None,
    ) -> Generator[Progress | Resident, None, None]:
        """Bring a model into memory; the Resident comes last. `trial`: with these settings, this once."""
        request = load_request(model, pin, keep_alive_seconds, trial)
        return self._kinds(lambda link: link.models.LoadModel, request)

    def unload(self, model: str, *, force: bool = False) -> Unloaded:
        """Free a model's memory. `force`: end its requests instead of waiting for them."""
        request = models_pb2.UnloadModelRequest(model=model, force=force)
        unloaded: Unloaded = read(self._call(lambda link: link.models.UnloadModel, request))
        return unloaded

    def forget(self, model: str = "", *, cache_domain: str | None = None) -> Forgotten:
        """Drop what is kept of your prompts, of all models if none is named."""
        request = models_pb2.ForgetCacheRequest(model=model, cache_domain=cache_domain)
        forgotten: Forgotten = read(self._call(lambda link: link.models.ForgetCache, request))
        return forgotten

    def tune(
        self, model: str = "", *, remember: EngineSettings | None = None, forget: bool = False
    ) -> Tunings:
        """What was measured to suit models here; remembers or forgets it for one."""
        request = tune_request(model, remember, forget)
        told: Tunings = read(self._call(lambda link: link.models.TuneModel, request))
        return told

    def pin(self, model: str, pinned: bool = True) -> None:
        """Keep a model from being evicted, or let it go."""
        self._call(lambda link: link.models.PinModel, models_pb2.PinModelRequest(model=model, pinned=pinned))

    def verify(self, model: str, *, accept: bool = False) -> Generator[Progress | Verified, None, None]:
        """Compare a model's files with what they should be, or accept them; the Verified comes last."""
        request = models_pb2.VerifyModelRequest(model=model, accept=accept)
        return self._kinds(lambda link: link.models.VerifyModel, request)

    def release(self, model: str) -> Released:
        """Let a model out of quarantine, and what lies beside it."""
        request = models_pb2.ReleaseModelRequest(model=model)
        released: Released = read(self._call(lambda link: link.models.ReleaseModel, request))
        return released

    # ------------------------------------------------------------- the daemon

    def status(self) -> Status:
        status: Status = read(self._call(lambda link: link.daemon.GetStatus, daemon_pb2.GetStatusRequest()))
        return status

    def watch(self) -> Generator[Happening, None, None]:
        """What happens from now on, without content."""
        request = daemon_pb2.WatchEventsRequest()
        with closing(self._stream(lambda link: link.daemon.WatchEvents, request)) as messages:
            for message in messages:
                yield read(message)

    @property
    def doors(self) -> DoorCalls:
        """Who may ask what through which socket; for the owner's door alone."""
        from hob_client.door_calls import DoorCalls

        return DoorCalls(self._call)

    def attest(self) -> Attestation:
        """The evidence that the daemon and its workers are confined."""
        told: Attestation = read(self._call(lambda link: link.daemon.Attest, daemon_pb2.AttestRequest()))
        return told

    def wires(self) -> Wires:
        """What could touch a network, and what of it there is."""
        told: Wires = read(self._call(lambda link: link.daemon.GetWires, daemon_pb2.GetWiresRequest()))
        return told

    def privacy(self) -> Privacy:
        """Where what is said is kept, and for how long."""
        request = daemon_pb2.GetPrivacyRequest()
        told: Privacy = read(self._call(lambda link: link.daemon.GetPrivacy, request))
        return told

    def drain(self, deadline_ms: int | None = None) -> Drained:
        """Let requests under way finish, then end the daemon."""
        request = daemon_pb2.DrainRequest(deadline_ms=deadline_ms)
        drained: Drained = read(self._call(lambda link: link.daemon.Drain, request))
        return drained


def _gather(events: Generator[Event, None, None]) -> Answer:
    answer = AnswerBuilder()
    for event in events:
        answer.add(event)
    return answer.finish()
