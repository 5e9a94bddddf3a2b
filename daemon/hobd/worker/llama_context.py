"""Makes the context that a model decodes in: its cells, lanes, rows of logits and threads.

Must decide by what llama.cpp says of the model, and tell broker/estimate.py nothing: that one works the
same numbers out from the header. Used by llama_engine.py.
"""

from __future__ import annotations

import os
from typing import Any

from hobd.worker import llama
from hobd.worker.drafting import MAX_DRAFTS
from hobd.worker.engine import MemoryShort, Settings
from hobd.worker.llama import L

_MAX_DEFAULT_CONTEXT = 8192
_KV_TYPES = {"f16": L.GGML_TYPE_F16, "q8_0": L.GGML_TYPE_Q8_0}


def new_context(model: Any, settings: Settings) -> tuple[Any, int]:
    trained = int(L.llama_model_n_ctx_train(model))
    context_tokens = settings.context_tokens or min(trained, _MAX_DEFAULT_CONTEXT)
    params = L.llama_context_default_params()
    params.n_seq_max = settings.num_lanes + num_cache_lanes(model, settings)
    # No step has more tokens than there are cells, and llama.cpp wants room for one of each lane.
    params.n_ctx = max(settings.kv_cells, context_tokens, params.n_seq_max)
    params.n_batch = params.n_ubatch = settings.batch_tokens
    params.n_outputs_max = most_rows(settings.num_lanes, params.n_seq_max)
    params.n_threads = params.n_threads_batch = num_threads(settings)
    params.kv_unified = True  # all lanes draw on one pool of cells
    params.type_k = params.type_v = _KV_TYPES[settings.kv_type]
    params.no_perf = True
    context = L.llama_init_from_model(model, params)
    if not context:
        raise MemoryShort(
            f"no memory for a context of {params.n_ctx} cells: {llama.last_errors() or 'no reason given'}"
        )
    # llama.cpp may round the cells; a single sequence stays inside what was asked for.
    return context, min(context_tokens, int(L.llama_n_ctx(context)))


def most_rows(num_lanes: int, num_sequences: int) -> int:
    """Logits rows that a step may want: each is as wide as the vocabulary, and room is taken for all."""
    return max(num_sequences, num_lanes * (1 + MAX_DRAFTS))


def num_cache_lanes(model: Any, settings: Settings) -> int:
    """None where no part of a lane can be shared: recurrent layers keep one state for all its tokens, and
    a sliding window overwrites the cells it has left."""
    if not shares_parts(model):
        return 0
    return max(0, min(settings.num_cache_lanes, int(L.llama_max_parallel_sequences()) - settings.num_lanes))


def shares_parts(model: Any) -> bool:
    return not is_recurrent(model) and L.llama_model_n_swa(model) == 0


def is_recurrent(model: Any) -> bool:
    return bool(L.llama_model_is_recurrent(model) or L.llama_model_is_hybrid(model))


def num_threads(settings: Settings) -> int:
    return settings.num_threads or max(1, len(os.sched_getaffinity(0)))
