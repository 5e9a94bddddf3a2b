"""The synchronous client.

Must never outlive its calls on the server: an iterator that is closed or dropped cancels its call.
Used by the CLI and by anybody's Python; async_client.py is its twin.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
from hob.v1 import daemon_pb2, inference_pb2, models_pb2

from hob_client import launch, socket_path
from hob_client.channel import Link, open_link
from hob_client.errors import DaemonUnreachable, from_rpc
from hob_client.events import Answer, AnswerBuilder, Event, Progress
from hob_client.models import Model, ModelDetails, Plan, Released, Resident, Unloaded, Verified
from hob_client.parameters import Options, Parameters
from hob_client.reading import read, read_details, read_event
from hob_client.requests import ChatParameters, Message, chat_request, check_text, generate_request, token_ids
from hob_client.states import Attestation, Drained, Forgotten, Happening, Status
from hob_client.texts import EmbeddingsBuilder, EmbedOptions, embed_request, infill_request, rerank_request
from hob_client.tools import Talk
from hob_client.values import Embedding, Embeddings, Ranking, Receipt, RenderedPrompt

Rpc = Callable[[Link], Any]


class Client:
    """A connection to the daemon of one socket. Threads may share it.

    `start`: launch a daemon when none answers; else wait `wait_seconds` for one. `timeout`: seconds that
    any call may take. Methods raise the errors of hob_client.errors and nothing else.
    """

    def __init__(
        self,
        socket: Path | str | None = None,
        *,
        start: bool = True,
        wait_seconds: float = 0.0,
        timeout: float | None = None,
    ) -> None:
        self._path = socket_path.resolve(socket)
        self._start = start
        self._wait_seconds = wait_seconds
        self._timeout = timeout
        self._link = open_link(self._path)
        self._reviving = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every call under way, then the connection."""
        self._link.channel.close()

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
        self, model: str, *, pin: bool = False, keep_alive_seconds: int | None = None
    ) -> Generator[Progress | Resident, None, None]:
        """Bring a model into memory; the Resident comes last."""
        request = models_pb2.LoadModelRequest(model=model, pin=pin, keep_alive_seconds=keep_alive_seconds)
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

    def attest(self) -> Attestation:
        """The evidence that the daemon and its workers are confined."""
        told: Attestation = read(self._call(lambda link: link.daemon.Attest, daemon_pb2.AttestRequest()))
        return told

    def drain(self, deadline_ms: int | None = None) -> Drained:
        """Let requests under way finish, then end the daemon."""
        request = daemon_pb2.DrainRequest(deadline_ms=deadline_ms)
        drained: Drained = read(self._call(lambda link: link.daemon.Drain, request))
        return drained

    # ------------------------------------------------------------- calls

    def _events(self, rpc: Rpc, request: Any) -> Generator[Event, None, None]:
        with closing(self._stream(rpc, request)) as messages:
            for message in messages:
                event = read_event(message.event)
                if event is not None:
                    yield event

    def _kinds(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        with closing(self._stream(rpc, request)) as messages:
            for message in messages:
                kind = message.WhichOneof("kind")
                if kind is not None:
                    yield read(getattr(message, kind))

    def _stream(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        """The messages of a call. If nobody was there to take it, revives the daemon and calls once more."""
        link = self._link
        has_answered = False
        try:
            with closing(self._dial(link, rpc, request)) as messages:
                for message in messages:
                    has_answered = True
                    yield message
            return
        except DaemonUnreachable:
            if has_answered:
                raise
        self._revive(link)
        yield from self._dial(self._link, rpc, request)

    def _dial(self, link: Link, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        has_answered = False
        call = rpc(link)(request, timeout=self._timeout)
        try:
            for message in call:
                has_answered = True
                yield message
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._path, has_answered=has_answered) from None
        finally:
            call.cancel()

    def _call(self, rpc: Rpc, request: Any) -> Any:
        link = self._link
        try:
            return self._dial_once(link, rpc, request)
        except DaemonUnreachable:
            pass
        self._revive(link)
        return self._dial_once(self._link, rpc, request)

    def _dial_once(self, link: Link, rpc: Rpc, request: Any) -> Any:
        try:
            return rpc(link)(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._path) from None

    def _revive(self, dead: Link) -> None:
        """See to it that somebody listens, and connect anew, unless another thread just did."""
        with self._reviving:
            if self._link is dead:
                launch.ensure(self._path, start=self._start, wait_seconds=self._wait_seconds)
                self._link = open_link(self._path)
                dead.channel.close()


def _gather(events: Generator[Event, None, None]) -> Answer:
    answer = AnswerBuilder()
    for event in events:
        answer.add(event)
    return answer.finish()
