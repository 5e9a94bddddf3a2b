"""Prefixes outlive their workers with real llama.cpp: nothing is computed twice, and answers are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hob_client import Client

from tests.daemon import RunningDaemon
from tests.tiny_adapter import write_tiny_adapter
from tests.tiny_model import write_tiny_model
from tests.tiny_states import write_tiny_gemma, write_tiny_mamba

pytestmark = pytest.mark.model
STORY = "the rain on the hills and the sea and the land in the end " * 3
KINDS = {"unified": write_tiny_model, "recurrent": write_tiny_mamba, "sliding window": write_tiny_gemma}
Write = Callable[[Path], Path]


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def daemon_of_two(
    request: pytest.FixtureRequest, real_daemon: RunningDaemon, tmp_path: Path
) -> RunningDaemon:
    """Room for one of two models."""
    write: Write = request.param
    for name in ("one", "other"):
        real_daemon.add_model(name, write(tmp_path / f"{name}.gguf"))
    return real_daemon.start("--set", "models.max_resident=1")


def complete(client: Client, model: str, prompt: str, **options: object) -> tuple[str, int, int]:
    """Text that leaves nothing to choose, so that no rounding shows."""
    answer = client.complete(model, prompt, temperature=0, max_tokens=8, **options)
    return answer.text, answer.receipt.num_prompt_tokens, answer.receipt.num_cached_tokens


def test_conversation_goes_on_after_another_model_had_its_place(daemon_of_two: RunningDaemon) -> None:
    with daemon_of_two.client() as client:
        text, num_tokens, _ = complete(client, "one", STORY)
        complete(client, "other", STORY)
        again = complete(client, "one", STORY)
        assert again == (text, num_tokens, num_tokens - 1)
        assert client.status().residents[0].model == "one"


def test_starter_model_says_the_same_after_a_swap_as_without_one(
    real_daemon: RunningDaemon, starter_model: Path
) -> None:
    for name in ("one", "other"):
        real_daemon.add_model(name, starter_model)
    prompt = "All rivers run into the sea, and yet the sea is not full. " * 8 + "The capital of France is"
    with real_daemon.start("--set", "models.max_resident=1").client() as client:
        alone = complete(client, "one", prompt, incognito=True)
        complete(client, "one", prompt)
        complete(client, "other", "A")
        again = complete(client, "one", prompt)
        assert again == (alone[0], alone[1], alone[1] - 1)
        client.unload("one")
        assert client.forget("one").num_prefixes == 1
        assert complete(client, "one", prompt) == alone


def test_prefix_of_an_adapter_comes_back_for_that_adapter_alone(
    real_daemon: RunningDaemon, tmp_path: Path
) -> None:
    model = real_daemon.add_model("one", write_tiny_model(tmp_path / "one.gguf"))
    folder = model.with_suffix(".adapters")
    folder.mkdir()
    write_tiny_adapter(folder / "poet.gguf").chmod(0o444)
    poet = {"loras": {"poet": 1.0}}
    with real_daemon.start().client() as client:
        text, num_tokens, _ = complete(client, "one", STORY, **poet)
        client.unload("one")
        assert complete(client, "one", STORY)[2] == 0
        assert complete(client, "one", STORY, **poet) == (text, num_tokens, num_tokens - 1)
