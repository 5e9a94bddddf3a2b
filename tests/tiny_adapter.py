"""Writes LoRA adapters of a few kilobytes for the tiny model, and files that only pretend to be one.

Must never read the network, the clock or unseeded randomness: the same arguments give the same bytes.
Called by tests that need a real engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from tests.tiny_model import Shape, finish

TINY = Shape()


def write_tiny_adapter(
    path: Path,
    *,
    seed: int = 1,
    rank: int = 4,
    architecture: str = "llama",
    general_type: str | int = "adapter",
    shape: Shape = TINY,
) -> Path:
    """Random, and strong enough that the tiny model says something else. `shape` is the model's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    if isinstance(general_type, str):
        writer.add_type(general_type)
    else:
        writer.add_uint32("general.type", general_type)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(rank))
    finish(writer, path, _weights(shape, rank, np.random.default_rng(seed)))
    path.chmod(0o444)
    return path


def _weights(shape: Shape, rank: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    for layer in range(shape.layers):
        for part, rows in (("attn_q", shape.width), ("attn_v", shape.kv_width), ("attn_output", shape.width)):
            name = f"blk.{layer}.{part}.weight"
            yield f"{name}.lora_a", rng.normal(0.0, 0.3, (rank, shape.width)).astype(np.float32)
            yield f"{name}.lora_b", rng.normal(0.0, 0.3, (rows, rank)).astype(np.float32)
