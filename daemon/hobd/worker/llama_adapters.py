"""The adapters of one model in llama.cpp: read from descriptors, applied to a context as told.

Must leave the model as it is when an adapter is bad. Their memory is the model's: it goes with the model.
Made by llama_engine.py; belongs to the loop's thread.
"""

from __future__ import annotations

import ctypes
from typing import Any

from hobd.worker import llama
from hobd.worker.engine import FileUnusable
from hobd.worker.llama import L
from hobd.worker.variants import Variant


class LlamaAdapters:
    def __init__(self, model: Any, context: Any) -> None:
        self._model = model
        self._context = context
        self._handles: dict[str, Any] = {}

    def adopt(self, name: str, fd: int) -> None:
        """Raises FileUnusable."""
        with llama.c_file(fd) as file:
            handle = L.llama_adapter_lora_init_from_file_ptr(self._model, file)
        if not handle:
            raise FileUnusable(f"llama.cpp cannot load it: {llama.last_errors() or 'no reason given'}")
        if L.llama_adapter_get_alora_n_invocation_tokens(handle):
            L.llama_adapter_lora_free(handle)
            raise FileUnusable("it applies only after certain tokens (aLoRA), which this version does not do")
        self._handles[name] = handle

    def apply(self, variant: Variant) -> None:
        """From the next decode on. What is in the KV cache stays as it was computed."""
        count = len(variant)
        handles = (L.llama_adapter_lora_p_ctypes * count)(*(self._handles[name] for name, _ in variant))
        scales = (ctypes.c_float * count)(*(scale for _, scale in variant))
        status = L.llama_set_adapters_lora(self._context, handles, count, scales)
        assert status == 0, "llama.cpp takes any adapters that were loaded"
