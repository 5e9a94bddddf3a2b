"""One model in llama.cpp: load it from a descriptor, decode slices of many lanes, hand out logits.

Must not know of requests, text streams or the wire. `decode`, `forget` and `copy` belong to the loop's
thread; tokenizing, which only reads the vocabulary, to any. Made by worker/__main__.py through `load`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from hobd.wire.messages import Constraint, Logprob, Measured, Sampling
from hobd.worker import constraint, llama
from hobd.worker.constraint import Grammars
from hobd.worker.engine import EngineError, Facts, FileUnusable, Interrupted, MemoryShort, Settings, Slice
from hobd.worker.lexicon import read_lexicon
from hobd.worker.llama import AbortFlag, L
from hobd.worker.llama_adapters import LlamaAdapters
from hobd.worker.llama_batch import TokenBatch, ViewBatch
from hobd.worker.llama_context import (
    is_recurrent,
    most_rows,
    new_context,
    num_cache_lanes,
    num_threads,
    shares_parts,
)
from hobd.worker.llama_embedder import DECODER_BATCH_TOKENS, LlamaEmbedder, vector_facts
from hobd.worker.llama_encoder import LlamaEncoder
from hobd.worker.llama_projector import ROPES_OF_FOUR, LlamaProjector
from hobd.worker.measured import Buffer, Growth, measured
from hobd.worker.positions import Grid, Positions, pack, unpack
from hobd.worker.sampling import ChainSampler, ConstrainedSampler, is_greedy, logprob_of
from hobd.worker.variants import Variant
from hobd.worker.vocabulary import Vocabulary, special_text, spell

_OUT_OF_CELLS, _ABORTED = 1, 2
_MAGIC = b"GGUF"


def foresee(has_projector: bool) -> bool:
    """Imports what is otherwise imported at first use: no file can be opened once a model is read.

    Returns whether llama.cpp computes on processors alone. Drivers open files and make code as they compute.
    """
    constraint.warm_up()
    if has_projector:
        llama.import_mtmd()
    return not L.llama_supports_gpu_offload()


def load(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> LlamaEngine | LlamaEncoder:
    """Loads the model behind a descriptor. Raises FileUnusable or MemoryShort."""
    llama.prepare()
    llama.buffers.take()  # what is left of another model's
    growth = Growth()
    model = _load_model(model_fd, settings, progress)
    weights = llama.buffers.take()
    beside = growth.line(weights)
    try:
        context, context_tokens = new_context(model, settings)
    except EngineError:
        L.llama_model_free(model)
        raise
    engine = LlamaEngine(model, context, context_tokens, settings)
    engine.note(beside, [*weights, *llama.buffers.take()])
    if engine.facts.can_generate:
        return engine
    L.llama_free(context)  # what it was made for is known now
    return LlamaEncoder(model, engine.facts, beside, weights)


class LlamaEngine(Vocabulary):
    """Implements the Engine protocol; see engine.py for what each call promises."""

    def __init__(self, model: Any, context: Any, context_tokens: int, settings: Settings) -> None:
        super().__init__(L.llama_model_get_vocab(model))
        self._model = model
        self._context = context
        self._memory = L.llama_get_memory(context)
        self._num_rows = 0
        self._most_rows = most_rows(settings.num_lanes, int(L.llama_n_seq_max(context)))
        self._row_types: dict[int, Any] = {}
        facts = _facts(model, context, self._vocab, context_tokens, settings)
        self.facts = replace(facts, **vector_facts(model, context), affixes=self.affixes, fim=self.fim)
        self._grammars = Grammars(partial(read_lexicon, self._vocab))
        self._batch = TokenBatch(settings.batch_tokens)
        self._positions = Positions()
        self._num_position_rows = 4 if L.llama_model_rope_type(model) in ROPES_OF_FOUR else 1
        self.projector: LlamaProjector | None = None
        self._adapters = LlamaAdapters(model, context)
        self._abort = AbortFlag()
        self._abort.attach(context)
        self.embedder = LlamaEmbedder(
            model,
            self._abort,
            can_cut=True,
            width=self.facts.embedding_width,
            batch_tokens=min(settings.batch_tokens, DECODER_BATCH_TOKENS),
            num_threads=self.facts.num_threads,
        )

    # ------------------------------------------------------------------ steps

    def decode(self, slices: Sequence[Slice]) -> None:
        num_rows = sum(piece.num_rows for piece in slices)
        if num_rows > self._most_rows:  # llama.cpp would abort
            raise EngineError(f"a step wants {num_rows} rows of logits and may {self._most_rows}")
        if slices[0].view is not None:
            status = self._decode_view(slices[0])
        else:
            self._batch.fill(slices, self._positions)
            status = llama.decode(self._context, self._batch.struct)
            self._batch.wipe()
        if status == 0:
            self._num_rows = num_rows
            return
        self._num_rows = 0
        self._roll_back(slices)
        if status == _ABORTED:
            raise Interrupted
        if status == _OUT_OF_CELLS:
            raise MemoryShort("the KV cache has no room for the next step")
        raise EngineError(f"llama_decode failed with {status}: {llama.last_errors()}")

    def _decode_view(self, piece: Slice) -> int:
        view = piece.view
        assert view is not None
        first = self._positions.of(piece.lane, piece.start)
        batch = ViewBatch(piece, first, self._num_position_rows)
        if not view.is_causal:
            L.llama_set_causal_attn(self._context, False)
        try:
            status: int = llama.decode(self._context, batch.struct)
        finally:
            if not view.is_causal:
                L.llama_set_causal_attn(self._context, True)
        if status == 0 and view.grid is not None:
            self._positions.note(piece.lane, Grid(piece.start, len(view), view.num_positions))
        return status

    def forget(self, lane: int) -> None:
        L.llama_memory_seq_rm(self._memory, lane, -1, -1)
        self._positions.cut(lane, 0)

    def length(self, lane: int) -> int:
        return self._positions.length(lane, int(L.llama_memory_seq_pos_max(self._memory, lane)))

    def trim(self, lane: int, length: int) -> None:
        L.llama_memory_seq_rm(self._memory, lane, self._positions.of(lane, length), -1)
        self._positions.cut(lane, length)

    def copy(self, source: int, target: int, count: int) -> None:
        L.llama_memory_seq_cp(self._memory, source, target, 0, self._positions.of(source, count))
        self._positions.fill(target, self._positions.grids(source), count)

    def stowed_bytes(self, lane: int) -> int:
        return self._cell_bytes(lane) + len(pack(self._positions.grids(lane)))

    def stow(self, lane: int, into: memoryview | None = None) -> memoryview:
        if into is None:
            into = np.empty(self.stowed_bytes(lane), np.uint8).data
        size, grids = self._cell_bytes(lane), pack(self._positions.grids(lane))
        written = L.llama_state_seq_get_data(
            self._context, _bytes_of(np.frombuffer(into, np.uint8)), size, lane
        )
        if written != size or size + len(grids) != into.nbytes:
            raise EngineError(f"llama.cpp stowed {written} of {into.nbytes} bytes of a lane")
        into[size:] = grids
        return into

    def fetch(self, stowed: memoryview, lane: int, count: int) -> None:
        grids, cells = unpack(stowed)
        state = _bytes_of(np.frombuffer(cells, np.uint8))
        if not L.llama_state_seq_set_data(self._context, state, cells.nbytes, lane):
            raise EngineError(f"llama.cpp cannot fetch a stowed lane: {llama.last_errors()}")
        self._positions.fill(lane, grids, self.facts.total_cells)
        if self.facts.shares_parts:
            self.trim(lane, count)

    def _cell_bytes(self, lane: int) -> int:
        return int(L.llama_state_seq_get_size(self._context, lane))

    def adopt(self, name: str, fd: int) -> None:
        self._adapters.adopt(name, fd)
        self._buffers += llama.buffers.take()

    def note(self, beside: Measured, buffers: list[Buffer]) -> None:
        """What it took of memory, as buffers and beside them."""
        self._beside, self._buffers = beside, buffers

    def memory(self) -> list[Measured]:
        return [*measured(self._buffers, self.facts.weights_bytes), self._beside]

    def look_through(self, fd: int) -> None:
        self.projector = LlamaProjector(
            self._model,
            fd,
            batch_tokens=self.facts.batch_tokens,
            num_threads=max(1, self.facts.num_threads // 2),  # the other half goes on with answers
        )

    def become(self, variant: Variant) -> None:
        self._adapters.apply(variant)

    def use_threads(self, count: int) -> None:
        L.llama_set_n_threads(self._context, count, count)
        self.embedder.use_threads(count)

    def interrupt(self) -> None:
        self._abort.set()

    def resume(self) -> None:
        self._abort.clear()

    def _roll_back(self, slices: Sequence[Slice]) -> None:
        """Removes the cells that a failed decode left behind, so that the same slices can come again."""
        for piece in slices:
            first = self._positions.of(piece.lane, piece.start)
            if not L.llama_memory_seq_rm(self._memory, piece.lane, first, -1):
                # Recurrent memory cannot step back; only a lane that starts anew is sound.
                raise EngineError("this model's memory cannot take back an unfinished step")

    # ------------------------------------------------------------------ choosing

    def greedy(self, num_rows: int) -> list[int]:
        tokens: list[int] = self.rows()[:num_rows].argmax(axis=1).tolist()
        return tokens

    def new_sampler(
        self, sampling: Sampling, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> ChainSampler | ConstrainedSampler | None:
        matcher, end = self._grammars.matcher(constraint) if constraint is not None else (None, 0)
        chain = None
        if not is_greedy(sampling):
            chain = ChainSampler(
                sampling, prompt, vocab=self._vocab, context_tokens=self.facts.context_tokens, rows=self.rows
            )
        if matcher is None:
            return chain
        return ConstrainedSampler(
            matcher, chain, sampling, size=self.facts.vocabulary, end=end, rows=self.rows
        )

    def logprob(self, row: int, token: int, num_top: int) -> Logprob:
        num_top = min(num_top, self.facts.vocabulary)
        return logprob_of(self.rows()[row], token, num_top, lambda t: spell(self._vocab, t, special=True))

    def rows(self) -> npt.NDArray[np.float32]:
        """Logits of the last decode, shape (rows wanted, vocabulary); valid until the next decode."""
        count = self._num_rows
        row_type = self._row_types.get(count)
        if row_type is None:
            row_type = self._row_types[count] = ctypes.c_float * (count * self.facts.vocabulary)
        address = llama.get_logits(self._context)
        memory: Any = row_type.from_address(address)
        return np.frombuffer(memory, np.float32).reshape(count, self.facts.vocabulary)

    def close(self) -> None:
        self.embedder.close()
        if self.projector is not None:
            self.projector.close()
        L.llama_free(self._context)
        L.llama_model_free(self._model)


# ---------------------------------------------------------------------- loading


def _load_model(model_fd: int, settings: Settings, progress: Callable[[float], None]) -> Any:
    magic = os.pread(model_fd, 4, 0)
    if magic != _MAGIC:
        raise FileUnusable("it is not a GGUF file (its first four bytes are not `GGUF`)")
    params = L.llama_model_default_params()
    params.use_extra_bufts = not settings.degraded
    if settings.gpu_layers is not None:
        params.n_gpu_layers = settings.gpu_layers
    on_progress = _progress_callback(progress)
    params.progress_callback = on_progress
    with llama.c_file(model_fd) as file:
        model = L.llama_model_load_from_file_ptr(file, params)
    if not model:
        raise FileUnusable(f"llama.cpp cannot load it: {llama.last_errors() or 'no reason given'}")
    return model


def _progress_callback(progress: Callable[[float], None]) -> Any:
    """llama.cpp calls for every tensor; a report for each twentieth is plenty."""
    told = -1

    def on_progress(fraction: float, _: int | None) -> bool:
        nonlocal told
        if int(fraction * 20) > told:
            told = int(fraction * 20)
            progress(fraction)
        return True

    return L.llama_progress_callback(on_progress)


def _facts(model: Any, context: Any, vocab: Any, context_tokens: int, settings: Settings) -> Facts:
    vocabulary = int(L.llama_vocab_n_tokens(vocab))
    template = L.llama_model_chat_template(model, None)
    return Facts(
        architecture=_meta(model, b"general.architecture"),
        context_tokens=context_tokens,
        num_lanes=settings.num_lanes,
        num_cache_lanes=num_cache_lanes(model, settings),
        shares_parts=shares_parts(model),
        steps_back=not is_recurrent(model),
        stash_bytes=settings.stash_bytes,
        total_cells=int(L.llama_n_ctx(context)),
        # llama.cpp takes no more than there were cells before it rounded them up, and aborts at more.
        batch_tokens=int(L.llama_n_batch(context)),
        num_threads=num_threads(settings),
        computes_on_cpu=not L.llama_supports_gpu_offload(),
        speculates=settings.speculates and num_cache_lanes(model, settings) > 0,
        vocabulary=vocabulary,
        weights_bytes=int(L.llama_model_size(model)),
        template=template.decode("utf-8", "replace") if template else None,
        bos_text=special_text(vocab, L.llama_vocab_bos(vocab)),
        eos_text=special_text(vocab, L.llama_vocab_eos(vocab)),
    )


def _bytes_of(array: npt.NDArray[np.uint8]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def _meta(model: Any, key: bytes) -> str:
    buffer = ctypes.create_string_buffer(200)
    length = L.llama_model_meta_val_str(model, key, buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if length > 0 else "unknown"
