"""A worker's life after its confinement: say hello, load, probe, serve until told to stop.

Must meet the broker only through the one socket it was born with. Called by worker/__main__.py; tests
call it with a fake loader.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from hobd.sandbox.enter import Confinement
from hobd.wire import messages as m
from hobd.worker.adapters import Adapters
from hobd.worker.bell import Bell
from hobd.worker.darkroom import Darkroom
from hobd.worker.draft_model import load_draft
from hobd.worker.drafter import Drafter
from hobd.worker.embedder import Span
from hobd.worker.engine import Engine, EngineError, FileUnusable, Loader, Settings, Slice
from hobd.worker.gallery import Gallery
from hobd.worker.intake import Intake
from hobd.worker.keeping import Told
from hobd.worker.loop import Loop
from hobd.worker.measured import bounded, of_process, with_purpose
from hobd.worker.template import Renderer
from hobd.worker.tray import Tray
from hobd.worker.wire import Wire


def serve(
    sock: socket.socket,
    *,
    load: Loader,
    renderer: Renderer,
    darkroom: Darkroom,
    engine_build: str,
    confinement: Confinement,
    bell: Bell | None,
    foresee: Callable[[bool], bool],
) -> None:
    """Returns when the broker says Stop or goes away.

    `foresee` imports what will be needed, with or without a projector, and says whether all of it computes
    without drivers of devices. After that the worker rings its `bell`, and then it reads the files.
    """
    wire = Wire(sock)
    wire.send(m.Hello(m.WIRE_VERSION, engine_build, str(confinement)))
    is_driverless = foresee(False)  # a spare worker has the time
    messages = wire.receive()
    order = _await_load(messages)
    if order is None:
        return
    settings, files = _settings(order), wire.files(order.descriptors)
    if files.projector is not None:
        foresee(True)
    if bell is not None:
        confinement = bell.ring(b"worker", closes_files=is_driverless)
    memory = [of_process()]
    try:
        template = _override(settings)
        engine = load(files.model, settings, wire.progress)
        os.close(files.model)
        if template is not None:
            engine.facts = replace(engine.facts, template=template)
        wire.send(m.Probing())
        _probe(engine)
    except EngineError as error:
        kind = "unusable" if isinstance(error, FileUnusable) else "memory"
        wire.send(m.LoadFailed(kind, str(error)[:1000]))
        return
    adapters = Adapters()
    adapters.adopt(engine, order.adapters, files.adapters, lambda number: wire.send(m.LoadingAdapter(number)))
    blindness = order.projector_problem
    if files.projector is not None:
        blindness = _look_through(files.projector, engine, wire)
    else:
        darkroom.close()  # nobody will send it anything
    memory += engine.memory()  # what comes after is not the model's
    draft = None if files.draft is None else _load_draft(files.draft, engine, settings, load, wire)
    drafter, problem = (None, draft) if isinstance(draft, str) else (draft, "")
    if drafter is not None:
        memory += with_purpose("draft", drafter.memory())
    wire.send(_ready(engine, problem[:1000], blindness[:1000], bounded(memory), str(confinement)))
    tray = None if files.tray is None else Tray(files.tray, order.tray_begin)
    gallery = Gallery(engine.projector, darkroom, blindness)
    _serve_loaded(engine, drafter, adapters, renderer, gallery, wire, messages, tray)


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


def _look_through(fd: int, engine: Engine, wire: Wire) -> str:
    """Gives the model its projector. Says why that is of no use."""
    wire.send(m.LoadingProjector())
    try:
        engine.look_through(fd)
    except EngineError as error:
        return str(error)
    finally:
        os.close(fd)
    return ""


def _ready(
    engine: Engine, draft_problem: str, projector_problem: str, memory: tuple[m.Measured, ...], sandbox: str
) -> m.Ready:
    facts, projector = engine.facts, engine.projector
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
        sees=projector is not None and projector.sees,
        hears=projector is not None and projector.hears,
        projector_problem=projector_problem,
        memory=memory,
        sandbox=sandbox,
    )


def _serve_loaded(
    engine: Engine,
    drafter: Drafter | None,
    adapters: Adapters,
    renderer: Renderer,
    gallery: Gallery,
    wire: Wire,
    messages: Iterator[m.Message],
    tray: Tray | None,
) -> None:
    """The loop here, the intake on a thread beside it. What was computed is handed over at the end."""
    loop = Loop(engine, wire.send, drafter, tray)
    intake = Intake(
        engine,
        renderer,
        adapters=adapters,
        gallery=gallery,
        send=wire.send,
        submit=loop.submit,
        cancel=loop.cancel,
    )
    thread = threading.Thread(
        target=_take_in, args=(messages, intake.on_message, loop), name="intake", daemon=True
    )
    thread.start()
    loop.run()


def _take_in(messages: Iterator[m.Message], on_message: Callable[[m.Message], None], loop: Loop) -> None:
    keep_ms = 0
    try:
        for message in messages:
            if isinstance(message, m.Stop):
                keep_ms = message.keep_ms
                break
            if isinstance(message, Told):
                loop.tell(message)
            else:
                on_message(message)
    finally:
        loop.stop(keep_ms)
