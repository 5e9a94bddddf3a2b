"""Models whose memory cannot be shared in part, with real llama.cpp: nothing is computed twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hob_client import Client

from tests.daemon import RunningDaemon, await_true
from tests.tiny_states import write_tiny_gemma, write_tiny_mamba

pytestmark = pytest.mark.model
PROMPT = "the rain on the hills and the sea and the land in the end " * 3


@pytest.fixture(params=[write_tiny_mamba, write_tiny_gemma], ids=["recurrent", "sliding window"])
def client(request: pytest.FixtureRequest, real_daemon: RunningDaemon, tmp_path: Path) -> Iterator[Client]:
    write: Callable[[Path], Path] = request.param
    real_daemon.add_model("tiny", write(tmp_path / "model.gguf"))
    with real_daemon.start().client() as client:
        yield client


def turns(client: Client, **options: object) -> list[tuple[str, int, int]]:
    """Three prompts, each of which goes on from the last one's answer: text, prompt tokens, cached tokens."""
    told, prompt = [], PROMPT
    for _ in range(3):
        answer = client.complete("tiny", prompt, temperature=0, max_tokens=8, **options)
        told.append((answer.text, answer.receipt.num_prompt_tokens, answer.receipt.num_cached_tokens))
        prompt += answer.text + " and then the land"
    return told


def test_each_turn_computes_only_what_is_new_and_says_the_same(client: Client) -> None:
    alone, cached = turns(client, incognito=True), turns(client)
    assert [text for text, _, _ in cached] == [text for text, _, _ in alone]
    for (_, before, _), (_, _, reused) in pairwise(cached):
        assert reused >= before


def test_same_prompt_again_computes_its_last_token_alone(client: Client) -> None:
    first = client.complete("tiny", PROMPT, temperature=0, max_tokens=8)
    again = client.complete("tiny", PROMPT, temperature=0, max_tokens=8)
    assert again.text == first.text
    assert again.receipt.num_cached_tokens == first.receipt.num_prompt_tokens - 1


def test_cancelled_prompt_costs_no_worker(client: Client) -> None:
    gone = client.generate("tiny", PROMPT * 2, temperature=0, max_tokens=400, ignore_eos=True)
    beside: list[str] = []
    ask = threading.Thread(
        target=lambda: beside.append(client.complete("tiny", PROMPT, temperature=0, max_tokens=60).text)
    )
    next(gone)
    ask.start()
    gone.close()
    ask.join()
    await_true(lambda: client.status().residents[0].num_running == 0, "both have gone")
    assert client.status().residents[0].num_restarts == 0 and beside
