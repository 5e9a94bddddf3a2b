"""What the loop needs to turn tokens into vectors: the other half of the seam to llama.cpp.

Must import nothing heavy: fakes and pure code use it too. Implemented by llama_embedder.py and by
tests/fakes/engine.py; used by vectors.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of one text from position `start` on, of `total` in the end; `slot` holds those before."""

    slot: int
    start: int
    tokens: Sequence[int]
    total: int


class Embedder(Protocol):
    """Belongs to the loop's thread. Takes its memory when it is first asked to compute."""

    can_cut: bool  # a text may come in several spans; else each comes whole
    num_slots: int
    batch_tokens: int  # of all spans together, but for a longer one alone where texts are not cut

    def compute(self, spans: Sequence[Span], *, is_ranking: bool) -> list[npt.NDArray[np.float32]]:
        """For each span the vectors of its tokens; ranking: one row of scores, valid until the next call.

        A slot that no span goes on with is forgotten.

        Raises:
            Interrupted: nothing was kept of any span.
            MemoryShort: there is no memory for so many tokens; nothing was kept.
            EngineError: the engine is broken; the worker should end.
        """
