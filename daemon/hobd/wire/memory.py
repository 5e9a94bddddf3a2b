"""How a worker tells what its memory is, and how the broker tells it what to make of it.

Must stay data, with bounds: the broker adds these numbers up. Used by messages.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hobd.wire.values import Count, Value

MAX_MEASURED = 64  # lines of a worker's memory
#: What a cell of the KV cache is written as.
KvType = Literal["f16", "q8_0"]
#: None: all, where there is a GPU.
GpuLayers = Annotated[int, msgspec.Meta(ge=0, lt=1 << 20)] | None


MeasuredFor = Literal["weights", "kv_cache", "compute", "projector", "draft", "adapters", "overhead"]


class Measured(Value, frozen=True):
    """So many bytes of one device for one purpose, as they are once the model is loaded."""

    device: Annotated[str, msgspec.Meta(max_length=32, pattern="^[a-z]+[0-9]{0,4}$")]
    purpose: MeasuredFor
    num_bytes: Count


Memory = Annotated[tuple[Measured, ...], msgspec.Meta(max_length=MAX_MEASURED)]
