"""LoRA adapters in real llama.cpp: what they change, what they do not, and what a bad one does to nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hob_client import Client
from hob_client.errors import ModelUnusable

from tests.daemon import RunningDaemon
from tests.model.test_recovery import stream_and_kill
from tests.process.test_worker import fd_targets
from tests.tiny_adapter import write_tiny_adapter
from tests.tiny_model import Shape

pytestmark = pytest.mark.model
GREEDY = {"temperature": 0, "ignore_eos": True, "max_tokens": 24}
STARTER = Shape(layers=30, width=576, heads=9, kv_heads=3)
SETS = [{}, {"calm": 1.0}, {"wild": 1.0}, {"calm": 0.5, "wild": -1.5}]


@pytest.fixture
def adapted(real_daemon: RunningDaemon, tiny_model: Path) -> RunningDaemon:
    """The tiny model with two adapters."""
    real_daemon.add_model("tiny", tiny_model)
    for seed, name in enumerate(("calm", "wild"), start=1):
        write_tiny_adapter(real_daemon.models / "tiny.adapters" / f"{name}.gguf", seed=seed)
    return real_daemon


def answer(client: Client, loras: dict[str, float], **options: object) -> str:
    return client.complete("tiny", "hello there", loras=loras, **{**GREEDY, **options}).text


def test_adapter_changes_the_answer_by_its_scale(adapted: RunningDaemon) -> None:
    with adapted.start().client() as client:
        plain = answer(client, {})
        assert answer(client, {"calm": 0.0}) == plain
        told = [answer(client, loras) for loras in SETS]
        assert len(set(told)) == len(SETS) and told[0] == plain
        assert [answer(client, loras, incognito=True) for loras in SETS] == told


def test_answers_with_different_adapters_at_once_are_what_they_are_alone(adapted: RunningDaemon) -> None:
    with adapted.start().client() as client:
        alone = [answer(client, loras, incognito=True) for loras in SETS]
        together = [""] * 8

        def ask(index: int) -> None:
            together[index] = answer(client, SETS[index % 4])

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert together == alone * 2


def test_cached_prefix_is_of_use_to_its_own_adapters_alone(adapted: RunningDaemon) -> None:
    prompt = "the sea is not full and all rivers run into it " * 4
    with adapted.start().client() as client:

        def num_cached(loras: dict[str, float]) -> int:
            return client.complete("tiny", prompt, loras=loras, **GREEDY).receipt.num_cached_tokens

        assert num_cached({}) == 0 and num_cached({"calm": 1.0}) == 0 and num_cached({"calm": 0.5}) == 0
        assert num_cached({"calm": 0.0}) > 20 and num_cached({"calm": 1.0, "wild": 0.0}) > 20


def test_answer_after_a_kill_goes_on_with_its_adapters(
    real_daemon: RunningDaemon, starter_model: Path
) -> None:
    real_daemon.add_model("starter", starter_model)
    write_tiny_adapter(real_daemon.models / "starter.adapters" / "wild.gguf", seed=3, shape=STARTER)
    # With these numbers it is of one mind; a resumed answer is computed in other batches, rounded otherwise.
    prompt, options = "Once upon a time there was a", {**GREEDY, "max_tokens": 64}
    with real_daemon.start().client() as client:
        plain = client.complete("starter", prompt, **options)
        whole = client.complete("starter", prompt, **options, loras={"wild": 0.1})
        events = stream_and_kill(client, "starter", prompt, **options, loras={"wild": 0.1})
    assert "".join(event.text for event in events) == whole.text != plain.text
    assert events[-1].done is not None and events[-1].done.resumed


def write_junk(path: Path) -> None:
    path.write_bytes(b"GGUF" + b"\xff" * 5000)


def write_half(path: Path) -> None:
    whole = write_tiny_adapter(path).read_bytes()
    path.unlink()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (write_junk, "failed to load lora adapter"),
        (write_half, "within the file bounds"),
        (lambda path: write_tiny_adapter(path, shape=Shape(width=32)), "incorrect shape"),
        (lambda path: write_tiny_adapter(path, architecture="gemma"), "arch mismatch"),
        (lambda path: write_tiny_adapter(path, general_type="model"), "expect general.type"),
        (lambda path: write_tiny_adapter(path, general_type=7), "killed by SIGABRT"),
    ],
    ids=["junk", "half", "another model's", "another family's", "a model", "kills its reader"],
)
def test_bad_adapter_is_refused_by_name_and_harms_nobody(
    adapted: RunningDaemon, write: Callable[[Path], object], why: str
) -> None:
    write(adapted.models / "tiny.adapters" / "bad.gguf")
    with adapted.start("--set", "admission.vetting=off").client() as client:
        assert answer(client, {"calm": 1.0}) != answer(client, {})
        with pytest.raises(ModelUnusable, match=f'adapter "bad" cannot be used: .*{why}'):
            answer(client, {"bad": 1.0})


def test_worker_keeps_no_descriptor_of_an_adapter(adapted: RunningDaemon) -> None:
    write_junk(adapted.models / "tiny.adapters" / "bad.gguf")
    with adapted.start().client() as client:
        answer(client, {"calm": 1.0})
        held = fd_targets(client.status().residents[0].worker_pid)
    assert held and not [target for target in held if "adapters" in target]
