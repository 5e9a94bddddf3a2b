"""Gaps, with real llama.cpp: the model reads the layout it knows, and others are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client import Client, errors

from tests.daemon import RunningDaemon
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.model
PREFIX, SUFFIX, MIDDLE, REPOSITORY, FILE = range(-5, 0)


@pytest.fixture
def coder(real_daemon: RunningDaemon, tmp_path: Path) -> RunningDaemon:
    real_daemon.add_model("coder", write_tiny_model(tmp_path / "coder.gguf", knows_gaps=True, context=256))
    return real_daemon.start()


def fill(client: Client, model: str, prefix: str, suffix: str, **options: object) -> tuple[str, list]:
    options = {"temperature": 0, "ignore_eos": True, "max_tokens": 8} | options
    events = list(client.infill(model, prefix, suffix, **options))
    return "".join(event.text for event in events), events


def tokens_of(client: Client, *parts: int | str) -> list[int]:
    """Ids of texts, and of the markers, which are the last tokens of the vocabulary."""
    ids: list[int] = []
    size = 3 + 256 + 14 + 5
    for part in parts:
        ids += [size + part] if isinstance(part, int) else client.tokenize("coder", part)
    return ids


def test_gap_is_asked_in_the_layout_that_the_model_knows(coder: RunningDaemon) -> None:
    with coder.client() as client:
        text, events = fill(client, "coder", "def f(x):\n", "\nprint(f(1))")
        prompt = tokens_of(client, PREFIX, "def f(x):\n", SUFFIX, "\nprint(f(1))", MIDDLE)
        same = client.complete("coder", prompt, temperature=0, ignore_eos=True, max_tokens=8)
        assert "infill" in client.status().residents[0].abilities
    assert text == same.text and events[-1].done.num_prompt_tokens == len(prompt)
    assert not [event for event in events if event.kind == "warning"]


def test_files_of_the_repository_come_before_the_gap(coder: RunningDaemon) -> None:
    with coder.client() as client:
        text, _ = fill(client, "coder", "a", "b", path="main.py", context_files={"x.py": "import y"})
        files = [REPOSITORY, "repository\n", FILE, "x.py\nimport y\n", FILE, "main.py\n"]
        prompt = tokens_of(client, *files, PREFIX, "a", SUFFIX, "b", MIDDLE)
        same = client.complete("coder", prompt, temperature=0, ignore_eos=True, max_tokens=8)
    assert text == same.text


def test_what_does_not_fit_is_left_out_and_told(coder: RunningDaemon) -> None:
    with coder.client() as client:
        _, events = fill(client, "coder", "p" * 400, "s" * 400, context_files={"x.py": "z" * 100})
    (warning,) = [event for event in events if event.kind == "warning"]
    receipt = events[-1].done
    assert warning.code == "infill_trimmed" and "1 context files" in warning.message
    assert receipt.truncated and receipt.num_prompt_tokens + 8 <= 256
    assert receipt.num_dropped_tokens > 600


@pytest.mark.parametrize(
    ("template", "way"),
    [({}, "through its chat template"), ({"template": None}, "does not see what follows")],
    ids=["instruction", "raw"],
)
def test_model_without_markers_says_how_it_is_asked(
    real_daemon: RunningDaemon, tmp_path: Path, template: dict[str, None], way: str
) -> None:
    real_daemon.add_model("plain", write_tiny_model(tmp_path / "plain.gguf", **template))
    with real_daemon.start().client() as client:
        text, events = fill(client, "plain", "Once upon a time", "The end.")
    (warning,) = [event for event in events if event.kind == "warning"]
    assert text and warning.code == "no_fim_tokens" and way in warning.message


def test_gap_in_nothing_is_refused(coder: RunningDaemon) -> None:
    with coder.client() as client, pytest.raises(errors.InvalidRequest, match="nothing around the gap"):
        fill(client, "coder", "", "")
