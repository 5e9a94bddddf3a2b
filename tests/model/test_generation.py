"""The whole stack with real llama.cpp: what comes out is what llama.cpp itself says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from hob_client import Client, errors

from tests.daemon import RunningDaemon, await_true
from tests.model.reference import greedy_reference

pytestmark = pytest.mark.model


@pytest.fixture
def tiny(real_daemon: RunningDaemon, tiny_model: Path) -> RunningDaemon:
    real_daemon.add_model("tiny", tiny_model)
    return real_daemon


@pytest.fixture
def starter(real_daemon: RunningDaemon, starter_model: Path) -> RunningDaemon:
    real_daemon.add_model("starter", starter_model)
    return real_daemon


def test_greedy_answer_equals_llama_cpps_own(starter: RunningDaemon, starter_model: Path) -> None:
    prompt = "The capital of France is"
    with starter.start().client() as client:
        answer = client.complete("starter", prompt, temperature=0, max_tokens=16)
    assert answer.text == greedy_reference(starter_model, prompt, 16)
    assert "Paris" in answer.text


def test_chat_answers_the_prompt_that_the_models_template_makes(
    starter: RunningDaemon, starter_model: Path
) -> None:
    with starter.start().client() as client:
        question = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is water?"}]
        rendered = client.apply_template("starter", question)
        answer = client.ask("starter", question, temperature=0, max_tokens=16)
    assert rendered.prompt == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nWhat is water?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert answer.text == greedy_reference(starter_model, rendered.prompt, 16, is_chat=True)
    assert answer.receipt.template_sha256 == rendered.template_sha256


def test_sixteen_concurrent_streams_give_each_its_own_answer(
    starter: RunningDaemon, starter_model: Path
) -> None:
    cities = ["France", "Italy", "Spain", "Japan", "China", "Egypt", "Greece", "Russia"] * 2
    prompts = [f"{index}. The capital of {city} is" for index, city in enumerate(cities)]
    alone = [greedy_reference(starter_model, prompt, 4) for prompt in prompts]
    together: dict[int, str] = {}
    with starter.start().client() as client:
        ask_all(client, "starter", prompts, together)
    # Batched sums round differently, so a near tie may fall the other way; a mixed-up lane would change all.
    same = sum(together[index] == alone[index] for index in range(16))
    assert same >= 14, [(alone[i], together[i]) for i in range(16)]


def ask_all(client: Client, model: str, prompts: list[str], answers: dict[int, str]) -> None:
    def ask(index: int) -> None:
        answers[index] = client.complete(model, prompts[index], temperature=0, max_tokens=4).text

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_same_seed_gives_the_same_answer_and_another_seed_another(tiny: RunningDaemon) -> None:
    with tiny.start().client() as client:

        def ask(seed: int) -> str:
            return client.complete(
                "tiny", "hello", temperature=1.5, top_k=0, top_p=1, min_p=0, seed=seed, max_tokens=24
            ).text

        assert ask(1) == ask(1) != ask(2)


@pytest.mark.parametrize(
    "options",
    [
        {"repeat_penalty": 1.3, "penalty_last_n": 32},
        {"dry": {"multiplier": 0.8, "base": 1.75, "allowed_length": 2}},
        {"xtc": {"probability": 0.5, "threshold": 0.05}},
        {"mirostat": {"version": 1, "tau": 5.0, "eta": 0.1}},
        {"mirostat": {"version": 2, "tau": 5.0, "eta": 0.1}},
        {"typical_p": 0.9, "top_n_sigma": 1.0, "dynatemp_range": 0.5},
        {"temperature": 0, "logit_bias": {65: 100.0}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_sampler_of_the_contract_runs(tiny: RunningDaemon, options: dict[str, object]) -> None:
    with tiny.start().client() as client:
        answer = client.complete("tiny", "hello", seed=1, max_tokens=6, ignore_eos=True, **options)
    assert answer.receipt.num_completion_tokens == 6


def test_cancel_during_a_long_prefill_frees_the_engine_at_once(starter: RunningDaemon) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 150
    with starter.start("--load", "starter").client() as client:
        whole = seconds(lambda: client.complete("starter", f"One. {text}", max_tokens=1))

        def cancel_and_ask() -> None:
            with closing(client.generate("starter", f"Two. {text}", max_tokens=1)) as events:
                next(event for event in events if event.kind == "progress")
            client.complete("starter", "Hi", max_tokens=1)

        assert seconds(cancel_and_ask) < whole / 2


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "not a GGUF file"),
        (b"GGUF" + b"\xff" * 64, "cannot be used"),
    ],
    ids=["empty", "text", "nonsense behind the magic"],
)
def test_file_that_is_no_model_is_refused_and_others_are_served(
    tiny: RunningDaemon, content: bytes, message: str
) -> None:
    (tiny.models / "bad.gguf").write_bytes(content)
    with tiny.start().client() as client:
        with pytest.raises(errors.ModelUnusable, match=message):
            client.complete("bad", "hello", max_tokens=1)
        assert (
            client.complete("tiny", "hello", max_tokens=1, ignore_eos=True).receipt.num_completion_tokens == 1
        )


def test_truncated_model_is_refused(tiny: RunningDaemon, tiny_model: Path) -> None:
    (tiny.models / "half.gguf").write_bytes(tiny_model.read_bytes()[:-100_000])
    with tiny.start().client() as client, pytest.raises(errors.ModelUnusable, match="half cannot be used"):
        client.complete("half", "hello", max_tokens=1)


def test_killed_worker_is_replaced_at_the_next_request(tiny: RunningDaemon) -> None:
    with tiny.start().client() as client:
        client.complete("tiny", "hello", max_tokens=1)
        psutil.Process(client.status().residents[0].worker_pid).kill()
        await_true(lambda: not client.status().residents, "the death is noticed")
        assert (
            client.complete("tiny", "hello", max_tokens=2, ignore_eos=True).receipt.num_completion_tokens == 2
        )


def test_second_answer_is_that_of_the_next_seed(starter: RunningDaemon) -> None:
    with starter.start().client() as client:
        asked = {"temperature": 1.0, "max_tokens": 12}
        several = client.complete("starter", "Once upon a time", num_answers=2, seed=7, **asked)
        second = client.complete("starter", "Once upon a time", seed=8, **asked)
    assert several.others[0].text == second.text != several.text
