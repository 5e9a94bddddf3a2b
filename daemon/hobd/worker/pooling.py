"""From the vectors of tokens to the vector of a text.

Must stay arithmetic over NumPy arrays. Used by vector_job.py.

Pooling is done here, not in llama.cpp's graph, where it would be fixed when a context is made: so one
context serves every pooling, and a text may be computed in several steps.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Pool:
    """Takes the rows of one text's tokens, in order, and gives its vector."""

    __slots__ = ("_first", "_last", "_num_rows", "_sum", "num_tokens")

    def __init__(self, width: int) -> None:
        self._sum = np.zeros(width, np.float64)
        self._first: Array | None = None
        self._last: Array | None = None
        self._num_rows = 0
        self.num_tokens = 0

    def add(self, rows: Array, num_tokens: int) -> None:
        """The rows of so many tokens; a score stands for all of them. Keeps no reference to `rows`."""
        if self._first is None:
            self._first = rows[0].copy()
        self._last = rows[-1].copy()
        self._sum += rows.sum(axis=0, dtype=np.float64)
        self._num_rows += len(rows)
        self.num_tokens += num_tokens

    def vector(self, pooling: str) -> Array:
        """`pooling`: mean, cls or last."""
        assert self._first is not None and self._last is not None, "there are no rows"
        match pooling:
            case "cls":
                return self._first
            case "last":
                return self._last
            case "mean":
                return (self._sum / self._num_rows).astype(np.float32)
        raise ValueError(f"there is no pooling {pooling!r}")


def weighted_mean(vectors: list[Array], weights: list[int]) -> Array:
    """Of the chunks of a text, each with its number of tokens."""
    if len(vectors) == 1:
        return vectors[0]
    mean = np.average(np.stack(vectors).astype(np.float64), axis=0, weights=weights)
    return mean.astype(np.float32)


def finish(vector: Array, dimensions: int | None, *, is_normalized: bool) -> Array:
    """The first `dimensions` numbers of a vector, and after that its length made 1."""
    kept = vector[:dimensions]
    if not is_normalized:
        return kept
    length = float(np.linalg.norm(kept.astype(np.float64)))
    return (kept / length).astype(np.float32) if length > 0 else kept
