"""Loads a model's adapters, one after another, and checks what requests want of them.

Must leave the model as it is whatever an adapter's file holds: what is wrong with it is told to who asks
for it. Called by serve.py, when the model has answered its probe, and by intake.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from hobd.wire.messages import Adapter, Lora
from hobd.worker.engine import Engine, EngineError, Slice
from hobd.worker.refusal import Refusal
from hobd.worker.variants import BASE, Variant, variant_of


class Adapters:
    """Those that came with the model. `problems` says by name why one cannot be used; empty if it can."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def adopt(
        self, engine: Engine, adapters: Sequence[Adapter], fds: Iterable[int], tell: Callable[[int], None]
    ) -> None:
        """Loads them all. `tell` hears each one's number before: who dies then, dies of it."""
        opened = iter(fds)
        for number, adapter in enumerate(adapters):
            if not adapter.problem:
                tell(number)
            self.problems[adapter.name] = adapter.problem or _adopt(engine, adapter.name, next(opened))

    def variant(self, loras: Sequence[Lora]) -> Variant:
        """What is to compute a request that wants these. Raises Refusal."""
        for lora in loras:
            problem = self.problems.get(lora.name)
            if problem is None:
                raise Refusal(
                    "InvalidRequest",
                    f'the adapter "{lora.name}" came after the model was loaded; '
                    "stop the model, and ask again",
                )
            if problem:
                raise Refusal("ModelUnusable", f'the adapter "{lora.name}" cannot be used: {problem}')
        return variant_of(loras)


def _adopt(engine: Engine, name: str, fd: int) -> str:
    """Loads and tries one. Says what is wrong with it."""
    try:
        engine.adopt(name, fd)
        _try(engine, name)
    except EngineError as error:
        return str(error)
    finally:
        os.close(fd)
    return ""


def _try(engine: Engine, name: str) -> None:
    """One decode: a file that can be read may still be one that cannot be computed with."""
    engine.become(((name, 1.0),))
    try:
        engine.decode([Slice(0, 0, [0], 1)])
        engine.greedy(1)
        engine.forget(0)
    finally:
        engine.become(BASE)
