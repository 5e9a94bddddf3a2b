"""One request for vectors in the making: from its tokens to what its receipt will show.

Must never hold text. Made by vector_intake.py, driven by vectors.py on the loop's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hobd.wire.messages import End, Vector
from hobd.worker.embed import Item, Part
from hobd.worker.pooling import Array, Pool, finish, weighted_mean

#: The number of the query among the inputs of a reranking by similarity. It is computed, but not told.
QUERY = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to make of the inputs. `is_ranking`: scores by the model's own head; then the rest is moot.

    `is_similarity`: tell the cosine of each vector with the query's, not the vector.
    """

    pooling: str = "mean"  # cls, last
    is_normalized: bool = True
    dimensions: int | None = None
    is_similarity: bool = False
    is_ranking: bool = False


class NotNumbers(Exception):
    """The model's vectors are not finite."""


class VectorJob:
    """Inputs come in order of their numbers, the query first; chunks of one input follow each other."""

    def __init__(
        self, id: int, items: Sequence[Item], wish: Wish, *, num_tokens: int, priority: int, now_ns: int
    ) -> None:
        """`num_tokens` counts those too that another worker computed before it died."""
        self.id = id
        self.wish = wish
        self.priority = priority
        self.todo = deque(items)
        self.num_tokens = num_tokens
        self.num_computed = 0
        self.arrival = 0
        self._chunks_left: dict[int, int] = {}
        for item in items:
            self._chunks_left[item.input] = self._chunks_left.get(item.input, 0) + 1
        self._pools: dict[int, list[Pool]] = {}  # of inputs begun and not told
        self._query: Array | None = None
        self._arrived_ns = now_ns
        self._started_ns = 0

    @property
    def is_begun(self) -> bool:
        return self._started_ns > 0

    def start(self, now_ns: int) -> bool:
        """Marks the first step that computes something of it. True at the first call only."""
        is_first = not self._started_ns
        if is_first:
            self._started_ns = now_ns
        return is_first

    def take(self, part: Part, rows: Array) -> Vector | None:
        """What one part brought, which must be booked already. The vector of an input that is now complete.

        Raises NotNumbers.
        """
        item = part.item
        self.num_computed += part.count
        pools = self._pools.setdefault(item.input, [])
        if part.start == 0:
            pools.append(Pool(rows.shape[1]))
        pools[-1].add(rows, part.count)
        if not item.is_done:
            return None
        assert self.todo[0] is item, "items are done in their order"
        self.todo.popleft()
        self._chunks_left[item.input] -= 1
        if self._chunks_left[item.input]:
            return None
        return self._complete(item.input, self._pools.pop(item.input))

    def _complete(self, input: int, pools: list[Pool]) -> Vector | None:
        wish, weights = self.wish, [pool.num_tokens for pool in pools]
        vector = weighted_mean([pool.vector(wish.pooling) for pool in pools], weights)
        if wish.is_ranking:
            vector = vector[:1]
        else:
            vector = finish(vector, wish.dimensions, is_normalized=wish.is_normalized)
        if not np.isfinite(vector).all():
            raise NotNumbers
        if input == QUERY:
            self._query = vector
            return None
        if wish.is_similarity:
            assert self._query is not None, "the query comes first"
            vector = np.array([vector @ self._query], np.float32)
        return Vector(input, vector.astype("<f4").tobytes(), sum(weights))

    def end(self, reason: str, now_ns: int) -> End:
        started = self._started_ns or now_ns
        return End(
            id=self.id,
            reason=reason,
            stop="",
            num_prompt_tokens=self.num_tokens,
            num_cached_tokens=0,
            num_completion_tokens=0,
            queue_us=max(0, started - self._arrived_ns) // 1000,
            prefill_us=max(0, now_ns - started) // 1000,
            decode_us=0,
        )
