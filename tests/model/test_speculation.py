"""Guessing ahead with real llama.cpp: the same answer in fewer steps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hobd.wire import messages as m
from hobd.worker import drafting, llama_engine
from hobd.worker.answer import Answer
from hobd.worker.engine import Settings
from hobd.worker.llama_engine import LlamaEngine
from hobd.worker.lookup import Lookup
from hobd.worker.sequence import Sequence

from tests.unit.hobd.worker.test_loop import Told, run

pytestmark = pytest.mark.model

PROMPT = "Numbers: " + "1 2 3 4 5 6 7 8 9 " * 3 + "1 2 3 4"


@pytest.fixture
def engine(starter_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlamaEngine]:
    """Every guess is computed, whether it would pay on this machine or not."""
    monkeypatch.setattr(drafting, "num_worthwhile", lambda *_, limit, **__: limit)
    fd = os.open(starter_model, os.O_RDONLY)
    engine = llama_engine.load(fd, Settings(context_tokens=512, num_lanes=2, num_threads=1), lambda _: None)
    os.close(fd)
    yield engine
    engine.close()


def answer(engine: LlamaEngine, prompt: str, *, speculates: bool, sampling: m.Sampling) -> Told:
    tokens = engine.tokenize(prompt, add_special=True, parse_special=False)
    sequence = Sequence(1, tokens, max_tokens=40, domain="a", ignore_eos=True)
    if speculates:
        sequence.lookup = Lookup(sequence.tokens)
    sampler = engine.new_sampler(sampling, tokens)
    told = run([Answer(sequence, sampler, m.Limits(max_tokens=40), now_ns=0)], engine)
    engine.forget(0)
    return told


@pytest.mark.parametrize(
    "sampling",
    [
        m.Sampling(temperature=0),
        m.Sampling(temperature=0.4, seed=7),
        m.Sampling(temperature=0, repeat_penalty=1.1),
    ],
    ids=["greedy", "sampled", "penalised"],
)
def test_answer_is_the_same_with_guesses_right_and_wrong(engine: LlamaEngine, sampling: m.Sampling) -> None:
    plain = answer(engine, PROMPT, speculates=False, sampling=sampling)
    guessed = answer(engine, PROMPT, speculates=True, sampling=sampling)
    assert guessed.texts == plain.texts
    assert guessed.steps[-1].tally.num_drafted_tokens > 0


def test_repeated_text_is_guessed_right(engine: LlamaEngine) -> None:
    tally = answer(engine, PROMPT, speculates=True, sampling=m.Sampling(temperature=0)).steps[-1].tally
    assert tally.num_accepted_tokens > 10
