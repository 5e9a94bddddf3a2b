"""Vectors with llama.cpp: contexts beside the one that decodes, on the same weights.

Must belong to the loop's thread. Made by llama_engine.py and llama_encoder.py.

A context is made when it is first needed, and made anew, larger, when a longer text comes. What that costs
in memory: for an encoder the numbers of one step's computation; for a generating model also a KV cache for
the longest text and a step. The weights are there already.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.ctypeslib import as_array  # by name: numpy itself imports it when it is first asked for

from hobd.wire.messages import MAX_WIDTH
from hobd.worker import llama
from hobd.worker.embedder import Span
from hobd.worker.engine import EngineError, Interrupted, MemoryShort
from hobd.worker.llama import AbortFlag, L

# Texts in one step. llama.cpp has at most 256 sequences; few texts are so short that more would fit a step.
_MAX_SLOTS = 64
# A recurrent layer keeps a whole state for each.
_MAX_RECURRENT_SLOTS = 4
# A generating model makes logits beside vectors, for every token, and llama.cpp keeps them all: a step is
# short, or these numbers would take more memory than the model.
DECODER_BATCH_TOKENS = 128
_OUT_OF_CELLS, _ABORTED = 1, 2
_POOLINGS = {
    L.LLAMA_POOLING_TYPE_MEAN: "mean",
    L.LLAMA_POOLING_TYPE_CLS: "cls",
    L.LLAMA_POOLING_TYPE_LAST: "last",
}
Rows = npt.NDArray[np.float32]


def vector_facts(model: Any, context: Any) -> dict[str, Any]:
    """The fields of Facts that say what a model can do. Any context of it will do."""
    pooling = int(L.llama_pooling_type(context))  # the one that the file names
    width = int(L.llama_model_n_embd_out(model))
    has_ranking = pooling == L.LLAMA_POOLING_TYPE_RANK
    facts = {
        # A file that names a pooling says what its model was trained for.
        "can_generate": bool(L.llama_get_memory(context)) and pooling == L.LLAMA_POOLING_TYPE_NONE,
        "has_ranking": has_ranking,
        "embedding_width": 0 if has_ranking or width > MAX_WIDTH else width,
        "pooling": _POOLINGS.get(pooling, "mean"),
    }
    if not facts["can_generate"]:
        # Positions have learned vectors of their own; there are none beyond.
        longest = min(int(L.llama_n_ctx(context)), int(L.llama_model_n_ctx_train(model)))
        facts |= {"context_tokens": longest, "num_cache_lanes": 0}
    return facts


class LlamaEmbedder:
    """Implements the Embedder protocol; see embedder.py for what each call promises.

    `can_cut`: the model looks back only and has a KV cache, so that a text may be computed in parts.
    """

    def __init__(
        self, model: Any, abort: AbortFlag, *, can_cut: bool, width: int, batch_tokens: int, num_threads: int
    ) -> None:
        self.can_cut = can_cut
        self._model = model
        self._abort = abort
        self._width = width
        self.batch_tokens = batch_tokens
        is_recurrent = L.llama_model_is_recurrent(model) or L.llama_model_is_hybrid(model)
        # llama.cpp wants a batch to hold a token of each.
        self.num_slots = min(_MAX_RECURRENT_SLOTS if is_recurrent else _MAX_SLOTS, batch_tokens)
        self._num_threads = num_threads
        self._contexts: dict[bool, _Context] = {}

    def compute(self, spans: Sequence[Span], *, is_ranking: bool) -> list[Rows]:
        context = self._context(spans, is_ranking)
        context.forget_others(spans)
        context.fill(spans)
        status = llama.decode(context.handle, context.batch)
        context.wipe()
        if status != 0:
            context.roll_back(spans)
        if status == _ABORTED:
            raise Interrupted
        if status == _OUT_OF_CELLS:
            raise MemoryShort("the cache for vectors has no room for the next step")
        if status != 0:
            raise EngineError(f"computing vectors failed with {status}: {llama.last_errors()}")
        return context.scores(spans) if is_ranking else context.rows(spans, self._width)

    def use_threads(self, count: int) -> None:
        self._num_threads = count
        for context in self._contexts.values():
            L.llama_set_n_threads(context.handle, count, count)

    def close(self) -> None:
        for context in self._contexts.values():
            L.llama_free(context.handle)
        self._contexts.clear()

    def _context(self, spans: Sequence[Span], is_ranking: bool) -> _Context:
        """One with room for the spans. When a larger one replaces it, no span goes on (see embed.pack)."""
        batch = max(self.batch_tokens, sum(len(span.tokens) for span in spans))
        cells = self.batch_tokens + max(span.total for span in spans)
        known = self._contexts.get(is_ranking)
        if known is not None and known.num_batch >= batch and (not self.can_cut or known.num_cells >= cells):
            return known
        if known is not None:
            L.llama_free(self._contexts.pop(is_ranking).handle)
        size = _power_of_two(cells if self.can_cut else batch)
        batch = self.batch_tokens if self.can_cut else size
        handle = self._new_handle(size, batch, is_ranking)
        self._contexts[is_ranking] = made = _Context(handle, num_cells=size, num_batch=batch)
        return made

    def _new_handle(self, num_cells: int, num_batch: int, is_ranking: bool) -> Any:
        params = L.llama_context_default_params()
        params.n_ctx = num_cells
        params.n_batch = params.n_ubatch = num_batch
        params.n_seq_max = self.num_slots
        params.n_threads = params.n_threads_batch = self._num_threads
        params.kv_unified = True
        params.no_perf = True
        params.embeddings = True
        # Pooled here, not there, but for the ranking head, which is a part of the graph (see pooling.py).
        params.pooling_type = L.LLAMA_POOLING_TYPE_RANK if is_ranking else L.LLAMA_POOLING_TYPE_NONE
        handle = L.llama_init_from_model(self._model, params)
        if not handle:
            raise MemoryShort(f"there is no memory to make vectors of {num_cells} tokens at once")
        self._abort.attach(handle)
        return handle


class _Context:
    """A llama_context that makes vectors, and a batch to fill."""

    def __init__(self, handle: Any, *, num_cells: int, num_batch: int) -> None:
        self.handle = handle
        self.num_cells = num_cells
        self.num_batch = num_batch
        self._memory = L.llama_get_memory(handle)  # none in an encoder
        self._held: set[int] = set()
        self._tokens, self._positions, self._slots = np.zeros((3, num_batch), np.int32)
        self._ones = np.ones(num_batch, np.int32)
        self._wanted = np.ones(num_batch, np.int8)
        # seq_id is an array of pointers, one for each token, to its (single) slot.
        self._pointers = self._slots.ctypes.data + 4 * np.arange(num_batch, dtype=np.uint64)
        self.batch = L.llama_batch()
        numbers = ctypes.POINTER(ctypes.c_int32)
        self.batch.token = self._tokens.ctypes.data_as(numbers)
        self.batch.pos = self._positions.ctypes.data_as(numbers)
        self.batch.n_seq_id = self._ones.ctypes.data_as(numbers)
        self.batch.seq_id = self._pointers.ctypes.data_as(ctypes.POINTER(numbers))
        self.batch.logits = self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))

    def forget_others(self, spans: Sequence[Span]) -> None:
        """Frees the cells of all slots but those that a span goes on with."""
        going_on = {span.slot for span in spans if span.start}
        if self._memory:
            for slot in self._held - going_on:
                L.llama_memory_seq_rm(self._memory, slot, -1, -1)
        self._held = {span.slot for span in spans}

    def fill(self, spans: Sequence[Span]) -> None:
        end = 0
        for span in spans:
            begin, end = end, end + len(span.tokens)
            self._tokens[begin:end] = span.tokens
            self._positions[begin:end] = np.arange(span.start, span.start + len(span.tokens))
            self._slots[begin:end] = span.slot
        self.batch.n_tokens = end

    def wipe(self) -> None:
        """The texts' tokens, which nobody needs once they are decoded."""
        self._tokens[: self.batch.n_tokens] = 0

    def roll_back(self, spans: Sequence[Span]) -> None:
        for span in spans:
            if self._memory and not L.llama_memory_seq_rm(self._memory, span.slot, span.start, -1):
                # Recurrent memory cannot step back; only a text that starts anew is sound.
                raise EngineError("this model's memory cannot take back an unfinished step")

    def rows(self, spans: Sequence[Span], width: int) -> list[Rows]:
        count = self.batch.n_tokens
        pointer = L.llama_get_embeddings(self.handle)
        if not pointer:
            raise EngineError("llama.cpp gave no vectors of tokens")
        whole = as_array(pointer, (count, width))
        return np.split(whole, np.cumsum([len(span.tokens) for span in spans])[:-1])

    def scores(self, spans: Sequence[Span]) -> list[Rows]:
        scores = []
        for span in spans:
            pointer = L.llama_get_embeddings_seq(self.handle, span.slot)
            if not pointer:
                raise EngineError("llama.cpp gave no score")
            scores.append(np.array([[pointer[0]]], np.float32))
        return scores


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
