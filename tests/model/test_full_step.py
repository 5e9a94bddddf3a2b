"""Steps as full as the engine says they may be, with real llama.cpp, which aborts at one token more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hobd.worker import llama_engine
from hobd.worker.engine import Settings, Slice
from hobd.worker.llama_engine import LlamaEngine

pytestmark = pytest.mark.model


@pytest.fixture(params=[300, 3], ids=["shorter than a batch", "shorter than the lanes are many"])
def engine(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[LlamaEngine]:
    fd = os.open(tiny_model, os.O_RDONLY)
    settings = Settings(context_tokens=request.param, num_lanes=4, num_threads=1)
    engine = llama_engine.load(fd, settings, lambda _: None)
    os.close(fd)
    yield engine
    engine.close()


def test_fullest_step_of_a_short_context_is_computed(engine: LlamaEngine) -> None:
    share = engine.facts.batch_tokens // 4
    engine.decode([Slice(lane, 0, [65 + lane] * share, 1) for lane in range(4)])
    assert engine.facts.batch_tokens >= 4 and len(engine.greedy(4)) == 4
