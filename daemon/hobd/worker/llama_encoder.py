"""A model that was made for vectors, in llama.cpp: it reads, and never generates.

Must refuse to decode: such a model has no use for a context that does. Made by llama_engine.py's `load`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NoReturn

from hobd.wire.messages import Constraint, Logprob, Measured, Sampling
from hobd.worker import llama
from hobd.worker.engine import EngineError, Facts, Projector, Slice, Stowed
from hobd.worker.llama import AbortFlag, L
from hobd.worker.llama_embedder import LlamaEmbedder
from hobd.worker.measured import Buffer, measured
from hobd.worker.variants import Variant
from hobd.worker.vocabulary import Vocabulary


class LlamaEncoder(Vocabulary):
    """Implements the Engine protocol for a model whose `facts.can_generate` is False."""

    projector: Projector | None = None

    def __init__(self, model: Any, facts: Facts, beside: Measured, weights: list[Buffer]) -> None:
        super().__init__(L.llama_model_get_vocab(model))
        self._beside = beside
        self._weights = weights
        self._model = model
        self._abort = AbortFlag()
        self.facts = self._with_ranking_template(facts)
        # Its attention may look both ways, or its file may want the last token's vector: never cut a text.
        self.embedder = LlamaEmbedder(
            model,
            self._abort,
            can_cut=False,
            width=facts.embedding_width,
            batch_tokens=facts.batch_tokens,
            num_threads=facts.num_threads,
        )

    def use_threads(self, count: int) -> None:
        self.embedder.use_threads(count)

    def memory(self) -> list[Measured]:
        """Of contexts, only the one made since: asked after the probe, that is the one that will serve."""
        buffers = [*self._weights, *llama.buffers.take()]
        return [*measured(buffers, self.facts.weights_bytes), self._beside]

    def interrupt(self) -> None:
        self._abort.set()

    def resume(self) -> None:
        self._abort.clear()

    def close(self) -> None:
        """Frees the model and its memory. The engine is of no use afterwards."""
        self.embedder.close()
        L.llama_model_free(self._model)

    def _with_ranking_template(self, facts: Facts) -> Facts:
        """Some files say how query and document are to be put together; else as the tokenizer marks texts."""
        template = L.llama_model_chat_template(self._model, b"rerank") if facts.has_ranking else None
        affixes = self.ranking_affixes(template.decode("utf-8", "replace")) if template else None
        return facts if affixes is None else replace(facts, affixes=affixes)

    # ------------------------------------------------------------------ what it cannot do

    def decode(self, slices: Sequence[Slice]) -> None:
        self._refuse()

    def adopt(self, name: str, fd: int) -> None:
        self._refuse()

    def look_through(self, fd: int) -> None:
        self._refuse()

    def become(self, variant: Variant) -> None:
        self._refuse()

    def forget(self, lane: int) -> None:
        self._refuse()

    def length(self, lane: int) -> int:
        return 0

    def trim(self, lane: int, length: int) -> None:
        self._refuse()

    def stowed_bytes(self, lane: int) -> int:
        self._refuse()

    def stow(self, lane: int, into: Stowed | None = None) -> Stowed:
        self._refuse()

    def fetch(self, stowed: Stowed, lane: int, count: int) -> None:
        self._refuse()

    def copy(self, source: int, target: int, count: int) -> None:
        self._refuse()

    def greedy(self, num_rows: int) -> list[int]:
        self._refuse()

    def logprob(self, row: int, token: int, num_top: int) -> Logprob:
        self._refuse()

    def new_sampler(
        self, sampling: Sampling, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise EngineError("this model makes vectors and cannot generate")
