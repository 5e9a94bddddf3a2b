"""A worker's life after its confinement: say hello, load, probe, serve until told to stop.

Must meet the broker only through the one socket it was born with. Called by worker/__main__.py; tests
call it with a fake loader.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hobd.wire import messages as m
from hobd.wire.framing import FrameReader, encode
from hobd.worker.adapters import Adapters
from hobd.worker.draft_model import load_draft
from hobd.worker.drafter import Drafter
from hobd.worker.embedder import Span
from hobd.worker.engine import Engine, EngineError, FileUnusable, Loader, Settings, Slice
from hobd.worker.intake import Intake
from hobd.worker.loop import Loop
from hobd.worker.measured import bounded, of_process, with_purpose
from hobd.worker.template import Renderer

_READ_BYTES = 1 << 18


class Wire:
    """The worker's end: `send` from any thread, `receive` from one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, message: m.Message) -> None:
        frame = encode(message)
        with self._lock:
            self._sock.sendall(frame)

    def progress(self, fraction: float) -> None:
        """A model is loaded so far."""
        self.send(m.Loading(min(1.0, max(0.0, fraction))))

    def receive(self) -> Iterator[m.Message]:
        """Every message until the broker closes its end."""
        reader = FrameReader(of_worker=False)
        while data := self._sock.recv(_READ_BYTES):
            yield from reader.feed(data)


def serve(
    sock: socket.socket,
    model_fd: int,
    *,
    load: Loader,
    renderer: Renderer,
    engine_build: str,
    sandbox: str,
    draft_fd: int | None = None,
    adapter_fds: Sequence[int] = (),
) -> None:
    """Returns when the broker says Stop or goes away. Behind `draft_fd` lies a model that shall guess."""
    wire = Wire(sock)
    wire.send(m.Hello(m.WIRE_VERSION, engine_build, sandbox))
    messages = wire.receive()
    order = _await_load(messages)
    if order is None:
        return
    settings = _settings(order)
    memory = [of_process()]
    try:
        template = _override(settings)
        engine = load(model_fd, settings, wire.progress)
        os.close(model_fd)
        if template is not None:
            engine.facts = replace(engine.facts, template=template)
        wire.send(m.Probing())
        _probe(engine)
    except EngineError as error:
        kind = "unusable" if isinstance(error, FileUnusable) else "memory"
        wire.send(m.LoadFailed(kind, str(error)[:1000]))
        return
    adapters = Adapters()
    adapters.adopt(engine, order.adapters, adapter_fds, lambda number: wire.send(m.LoadingAdapter(number)))
    memory += engine.memory()  # what comes after is not the model's
    draft = None if draft_fd is None else _load_draft(draft_fd, engine, settings, load, wire)
    drafter, problem = (None, draft) if isinstance(draft, str) else (draft, "")
    if drafter is not None:
        memory += with_purpose("draft", drafter.memory())
    wire.send(_ready(engine, problem[:1000], bounded(memory)))
    _serve_loaded(engine, drafter, adapters, renderer, wire, messages)


def _await_load(messages: Iterator[m.Message]) -> m.Load | None:
    message = next(messages, None)
    return message if isinstance(message, m.Load) else None


def _settings(message: m.Load) -> Settings:
    return Settings(
        context_tokens=message.context_tokens,
        num_lanes=message.num_lanes,
        batch_tokens=message.batch_tokens,
        num_threads=message.num_threads,
        kv_cells=message.kv_cells,
        degraded=message.degraded,
        speculates=message.speculates,
        stash_bytes=message.stash_bytes,
        template=message.template,
        kv_type=message.kv_type,
        gpu_layers=message.gpu_layers,
    )


def _override(settings: Settings) -> str | None:
    """The chat template to use instead of the model's own. Raises FileUnusable."""
    try:
        return settings.template.decode() if settings.template is not None else None
    except UnicodeDecodeError:
        raise FileUnusable("the chat template beside it is not UTF-8; mend or remove it") from None


def _probe(engine: Engine) -> None:
    """One decode. A build that this processor cannot run dies here, where the broker knows what it means."""
    if not engine.facts.can_generate:
        engine.embedder.compute([Span(0, 0, [0], 1)], is_ranking=engine.facts.has_ranking)
        return
    engine.decode([Slice(0, 0, [0], 1)])
    engine.greedy(1)
    engine.forget(0)


def _load_draft(fd: int, engine: Engine, settings: Settings, load: Loader, wire: Wire) -> Drafter | str:
    wire.send(m.LoadingDraft())
    try:
        return load_draft(fd, engine, settings, load=load, progress=wire.progress)
    finally:
        os.close(fd)


def _ready(engine: Engine, draft_problem: str, memory: tuple[m.Measured, ...]) -> m.Ready:
    facts = engine.facts
    return m.Ready(
        architecture=facts.architecture,
        context_tokens=facts.context_tokens,
        num_lanes=facts.num_lanes,
        total_cells=facts.total_cells,
        num_threads=facts.num_threads,
        vocabulary=facts.vocabulary,
        weights_bytes=facts.weights_bytes,
        has_template=facts.template is not None,
        draft_problem=draft_problem,
        can_generate=facts.can_generate,
        embedding_width=facts.embedding_width,
        has_ranking=facts.has_ranking,
        has_infill=facts.fim is not None,
        memory=memory,
    )


def _serve_loaded(
    engine: Engine,
    drafter: Drafter | None,
    adapters: Adapters,
    renderer: Renderer,
    wire: Wire,
    messages: Iterator[m.Message],
) -> None:
    """The loop here, the intake on a thread beside it."""
    loop = Loop(engine, wire.send, drafter)
    intake = Intake(
        engine, renderer, adapters=adapters, send=wire.send, submit=loop.submit, cancel=loop.cancel
    )
    thread = threading.Thread(
        target=_take_in, args=(messages, intake.on_message, loop.stop), name="intake", daemon=True
    )
    thread.start()
    loop.run()


def _take_in(
    messages: Iterator[m.Message], on_message: Callable[[m.Message], None], stop: Callable[[], None]
) -> None:
    try:
        for message in messages:
            if isinstance(message, m.Stop):
                break
            on_message(message)
    finally:
        stop()
