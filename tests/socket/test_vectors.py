"""Vectors through the daemon's door: many, cancelled, and over the deaths of workers."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import psutil
import pytest
from hob_client import errors
from hob_client.values import Embedding

from tests.daemon import RunningDaemon, await_true
from tests.fakes.engine import token_vectors

TEXTS = [f"text number {number}" for number in range(400)]


@pytest.fixture
def slow(daemon: RunningDaemon) -> RunningDaemon:
    daemon.add_model("model", "slow\n".ljust(32))
    return daemon.start()


def expected(text: str) -> list[float]:
    vector = token_vectors(text.encode()).mean(axis=0)
    return (vector / np.linalg.norm(vector)).tolist()


def test_thousands_of_texts_become_vectors_and_progress_is_told(daemon: RunningDaemon) -> None:
    daemon.add_model("model", "ok\n")
    texts = TEXTS * 10
    with daemon.start().client() as client:
        steps = list(client.embed_each("model", texts))
    vectors = {step.input: step.values for step in steps if isinstance(step, Embedding)}
    assert len(vectors) == 4000 and vectors[3999] == pytest.approx(expected(texts[3999]), abs=1e-6)
    fractions = [step.fraction for step in steps if step.kind == "progress" and step.stage == "prefill"]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert steps[-1].kind == "receipt" and steps[-1].num_prompt_tokens == sum(map(len, texts))


def test_vectors_go_on_after_the_worker_was_killed_and_none_comes_twice(slow: RunningDaemon) -> None:
    told, is_killed = list[int](), False
    with slow.client() as client:
        for step in client.embed_each("model", TEXTS):
            if step.kind == "embedding":
                told.append(step.input)
                assert step.values == pytest.approx(expected(TEXTS[step.input]), abs=1e-6)
            if len(told) == 40 and not is_killed:
                psutil.Process(client.status().residents[0].worker_pid).kill()
                is_killed = True
    assert sorted(told) == list(range(len(TEXTS)))
    assert step.kind == "receipt" and step.resumed


def test_leaving_early_cancels_the_work(slow: RunningDaemon) -> None:
    with slow.client() as client:
        with closing(client.embed_each("model", TEXTS * 10)) as steps:
            next(step for step in steps if step.kind == "embedding")
        await_true(lambda: client.status().num_sessions == 0, "the session is gone")
        await_true(lambda: client.status().residents[0].num_running == 0, "the worker has let go")


def test_what_is_not_done_in_time_is_an_error_that_says_how_far_it_was(slow: RunningDaemon) -> None:
    with slow.client() as client:
        client.embed("model", "warm")
        with pytest.raises(errors.Busy, match=r"of 400 inputs were done within the 200 ms"):
            client.embed("model", TEXTS, max_total_ms=200)


def test_generating_model_does_not_rerank(slow: RunningDaemon) -> None:
    with slow.client() as client, pytest.raises(errors.NotSupported, match="not made to compare"):
        client.rerank("model", "query", ["one", "two"])
