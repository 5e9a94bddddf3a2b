"""How many tokens a text is at least: never more than llama.cpp makes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hobd.worker import llama_engine, vocabulary
from hobd.worker.engine import Settings
from hobd.worker.llama_engine import LlamaEngine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> Iterator[LlamaEngine]:
    fd = os.open(tiny_model, os.O_RDONLY)
    engine = llama_engine.load(fd, Settings(context_tokens=64, num_lanes=1, num_threads=1), lambda _: None)
    os.close(fd)
    yield engine
    engine.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=50), times=st.integers(1, 50))
def test_no_text_has_fewer(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch, text: str, times: int
) -> None:
    monkeypatch.setattr(vocabulary, "_SHORT_CHARACTERS", 0)
    tokens = engine.tokenize(text * times, add_special=False, parse_special=True)
    assert engine.least_tokens(text * times) <= len(tokens)


def test_long_texts_are_told_and_short_ones_are_not_worth_it(engine: LlamaEngine) -> None:
    assert engine.least_tokens("a " * 1_000_000) > 10_000
    assert engine.least_tokens("a " * 1000) == 0
