"""Reused prefixes with real llama.cpp: less is computed, and the answers are the same."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hob_client import Client
from hob_client.values import Receipt

from tests.daemon import RunningDaemon

pytestmark = pytest.mark.model
SYSTEM = {
    "role": "system",
    "content": "You are a patient guide to the rivers, lakes and seas of the world. " * 8,
}
QUESTIONS = ("Which river is the longest?", "And which lake is the deepest?", "Which sea has no coast?")


@pytest.fixture
def client(real_daemon: RunningDaemon, starter_model: Path) -> Client:
    real_daemon.add_model("starter", starter_model)
    return real_daemon.start().client()


def converse(client: Client, **options: object) -> list[tuple[str, Receipt]]:
    """Three turns, each with all that was said before."""
    messages = [SYSTEM]
    turns = []
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        answer = client.ask("starter", messages, temperature=0, max_tokens=12, **options)
        messages.append({"role": "assistant", "content": answer.text})
        turns.append((answer.text, answer.receipt))
    return turns


def test_each_turn_computes_only_what_is_new_and_says_the_same(client: Client) -> None:
    with client:
        alone = converse(client, incognito=True)
        turns = converse(client)
    assert [text for text, _ in turns] == [text for text, _ in alone]
    assert all(receipt.num_cached_tokens == 0 for _, receipt in [*alone, turns[0]])
    for (_, before), (_, receipt) in pairwise(turns):
        assert receipt.num_cached_tokens >= before.num_prompt_tokens + before.num_completion_tokens - 1
        assert receipt.num_prompt_tokens - receipt.num_cached_tokens < 30


def test_prefix_of_sixteen_requests_at_once_is_computed_once(client: Client) -> None:
    prefix = "All rivers run into the sea, and yet the sea is not full. " * 40
    receipts: list[Receipt] = []

    def ask(index: int) -> None:
        answer = client.complete("starter", f"{prefix} {index}", temperature=0, max_tokens=2)
        receipts.append(answer.receipt)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(16)]
    with client:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    computed = sum(receipt.num_prompt_tokens - receipt.num_cached_tokens for receipt in receipts)
    assert computed < receipts[0].num_prompt_tokens + 16 * 8


def test_prefix_that_others_pushed_out_of_the_kv_cache_comes_back(client: Client) -> None:
    with client:
        alone = converse(client, incognito=True)
        first = converse(client)[0]
        for index in range(3):  # long enough that what idles beside them is stowed
            client.complete("starter", f"{index} bridges", temperature=0, max_tokens=40, ignore_eos=True)
        resident = client.status().residents[0]
        again = converse(client)
    assert resident.stash_bytes > 0
    assert [text for text, _ in again] == [text for text, _ in alone]
    assert again[0][1].num_cached_tokens == first[1].num_prompt_tokens - 1
