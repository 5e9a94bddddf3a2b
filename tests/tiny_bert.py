"""Writes random-weight encoders of some hundred kilobytes, for vectors or with a head that ranks.

Must never read the network, the clock or unseeded randomness. Called by fixtures in tests/conftest.py.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from provision.bert import SPECIAL, Array, Shape, write_bert

SHAPE = Shape(
    num_hidden_layers=2,
    hidden_size=32,
    intermediate_size=64,
    num_attention_heads=4,
    max_position_embeddings=48,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
)
VOCABULARY = [
    *SPECIAL,
    *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.ascii_lowercase),
    *"the cat dog runs sleeps in sun rain , .".split(),
]


def write_tiny_bert(path: Path, *, seed: int = 0, ranks: bool = False, template: str | None = None) -> Path:
    """`ranks`: with a head that scores a query and a document together, put together as `template` says."""
    write_bert(
        path,
        name="tiny-bert",
        shape=SHAPE,
        vocabulary=VOCABULARY,
        tensors=dict(random_tensors(np.random.default_rng(seed), ranks=ranks)),
        pooling=gguf.PoolingType.RANK if ranks else gguf.PoolingType.MEAN,
        ranking_template=template,
        is_half=False,
    )
    return path


def random_tensors(rng: np.random.Generator, *, ranks: bool) -> Iterator[tuple[str, Array]]:
    def some(*shape: int) -> Array:
        return rng.normal(0.0, 0.3, shape).astype(np.float32)

    def linear(name: str, rows: int, columns: int) -> Iterator[tuple[str, Array]]:
        yield f"{name}.weight", some(rows, columns)
        yield f"{name}.bias", some(rows)

    def norm(name: str) -> Iterator[tuple[str, Array]]:
        yield f"{name}.weight", 1 + some(width)
        yield f"{name}.bias", some(width)

    width, hidden = SHAPE.hidden_size, SHAPE.intermediate_size
    yield "embeddings.word_embeddings.weight", some(len(VOCABULARY), width)
    yield "embeddings.position_embeddings.weight", some(SHAPE.max_position_embeddings, width)
    yield "embeddings.token_type_embeddings.weight", some(SHAPE.type_vocab_size, width)
    yield from norm("embeddings.LayerNorm")
    for layer in range(SHAPE.num_hidden_layers):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            yield from linear(f"{name}.attention.self.{part}", width, width)
        yield from linear(f"{name}.attention.output.dense", width, width)
        yield from norm(f"{name}.attention.output.LayerNorm")
        yield from linear(f"{name}.intermediate.dense", hidden, width)
        yield from linear(f"{name}.output.dense", width, hidden)
        yield from norm(f"{name}.output.LayerNorm")
    if ranks:
        yield from linear("classifier.dense", width, width)
        yield from linear("classifier.out_proj", 1, width)
