"""Headers without files: of a network with the sizes that a test asks for.

Must name tensors as the format does. Used by tests of what reads dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hobd.store.header import Array, Header, Tensor

SIZE = {"block_count": 4, "embedding_length": 64, "attention.head_count": 8, "attention.head_count_kv": 2}


def header(
    architecture: str = "llama",
    tensors: Mapping[str, tuple[int, ...]] | None = None,
    *,
    layers: int = 4,
    vocabulary: int = 100,
    **facts: Any,
) -> Header:
    """F16 throughout. `facts` are the architecture's own, `_` for `.` after a known first word."""
    per_layer = {"attn_k.weight": (64, 16), "attn_v.weight": (64, 16), "ffn_up.weight": (64, 256)}
    shapes = {"token_embd.weight": (64, vocabulary), "output.weight": (64, vocabulary)}
    for number in range(layers):
        shapes |= {f"blk.{number}.{name}": shape for name, shape in (tensors or per_layer).items()}
    own = SIZE | {"block_count": layers, "feed_forward_length": 256, "context_length": 4096} | facts
    return Header(
        facts={"general.architecture": architecture, "tokenizer.ggml.tokens": Array(length=vocabulary)}
        | {f"{architecture}.{key}": value for key, value in own.items()},
        tensors=tuple(_tensor(name, shape) for name, shape in shapes.items()),
        file_bytes=1 << 30,
    )


def _tensor(name: str, shape: tuple[int, ...]) -> Tensor:
    num_bytes = 2
    for dimension in shape:
        num_bytes *= dimension
    return Tensor(name=name, shape=shape, kind="F16", offset=0, num_bytes=num_bytes)
