"""The parts of the wire that are about several texts: gaps between two, vectors and scores of many.

Must stay data: strict types, bounds, no code. Its names are messages.py's too; used through it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hobd.wire.values import Count, Id, Message, Value

#: The longest vector that a worker may tell; the widest models there are have half of it.
MAX_WIDTH = 1 << 14


class ContextFile(Value, frozen=True):
    path: str
    text: str


class InfillPrompt(Value, frozen=True, tag="infill"):
    """What is before a gap and what is after it; `files` are others of the repository, the best first."""

    prefix: str
    suffix: str
    files: list[ContextFile]
    path: str = ""  # of the file with the gap


class EmbedPrompt(Value, frozen=True, tag="embed"):
    """Texts to turn into vectors. `pooling`: mean, cls, last; "" is the model's own."""

    inputs: list[str]
    pooling: str
    normalize: bool
    dimensions: int | None
    chunk_long: bool


class RerankPrompt(Value, frozen=True, tag="rerank"):
    """Documents to score by how well they answer a query."""

    query: str
    documents: list[str]


class Vector(Value, frozen=True):
    """What came of one input: float32, little-endian. Of a reranked document one number, its score."""

    input: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
    values: Annotated[bytes, msgspec.Meta(min_length=4, max_length=4 * MAX_WIDTH)]
    num_tokens: Count


class Vectors(Message, frozen=True, tag=True):
    """Those that one step brought."""

    id: Id
    vectors: Annotated[list[Vector], msgspec.Meta(min_length=1)]
