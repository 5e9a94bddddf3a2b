"""Real llama.cpp, killed in mid-answer: another worker says what the first one would have said."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hob_client import Client
from hob_client.events import Event

from tests.daemon import RunningDaemon

pytestmark = pytest.mark.model

NEVER = 1 << 30
SAMPLERS = {
    "greedy": {"temperature": 0},
    "sampled": {"temperature": 1.0, "seed": 7},
    "penalties": {
        "temperature": 0.8,
        "seed": 3,
        "repeat_penalty": 1.3,
        "penalty_last_n": 48,
        "dry": {"multiplier": 0.8, "base": 1.75, "allowed_length": 2},
    },
}


def stream_and_kill(client: Client, model: str, prompt: str, **options: object) -> list[Event]:
    """All events of an answer whose worker is killed after some of its tokens."""
    events: list[Event] = []
    is_killed = False
    for event in client.generate(model, prompt, **options):
        events.append(event)
        if not is_killed and sum(len(event.text) for event in events) >= 40:
            psutil.Process(client.status().residents[0].worker_pid).kill()
            is_killed = True
    return events


@pytest.mark.parametrize("options", SAMPLERS.values(), ids=SAMPLERS)
def test_answer_after_a_kill_equals_the_undisturbed_one(
    real_daemon: RunningDaemon, starter_model: Path, options: dict[str, object]
) -> None:
    real_daemon.add_model("starter", starter_model)
    prompt = "Once upon a time there was a"
    with real_daemon.start().client() as client:
        options = {**options, "ignore_eos": True, "max_tokens": 64}
        whole = client.complete("starter", prompt, **options)
        events = stream_and_kill(client, "starter", prompt, **options)
    assert "".join(event.text for event in events) == whole.text
    receipt = events[-1].done
    assert receipt is not None and receipt.resumed and receipt.num_completion_tokens == 64


def test_constrained_answer_after_a_kill_equals_the_undisturbed_one(
    real_daemon: RunningDaemon, starter_model: Path
) -> None:
    real_daemon.add_model("starter", starter_model)
    text = {"type": "string", "minLength": 90, "maxLength": 99}
    story = {"type": "object", "properties": {"title": text, "plot": text}, "additionalProperties": False}
    options = {"json_schema": story | {"required": ["title", "plot"]}, "seed": 5, "max_tokens": 200}
    with real_daemon.start().client() as client:
        whole = client.complete("starter", "A story, as JSON: ", **options)
        events = stream_and_kill(client, "starter", "A story, as JSON: ", **options)
    assert "".join(event.text for event in events) == whole.text
    assert json.loads(whole.text).keys() == {"title", "plot"}
    assert events[-1].done is not None and events[-1].done.resumed


def test_tiny_models_answer_survives_three_kills(real_daemon: RunningDaemon, tiny_model: Path) -> None:
    real_daemon.add_model("tiny", tiny_model)
    text, kill_at, num_recoveries = "", 60, 0
    with real_daemon.start().client() as client:
        whole = client.complete("tiny", "hello", temperature=0, ignore_eos=True, max_tokens=400)
        for event in client.generate("tiny", "hello", temperature=0, ignore_eos=True, max_tokens=400):
            text += event.text
            if event.kind == "progress" and event.stage == "recovering" and kill_at == NEVER:
                # Text from before the death comes before this, so what follows is the new worker's own.
                num_recoveries += 1
                kill_at = len(text) + 60 if num_recoveries < 3 else NEVER - 1
            if len(text) >= kill_at and (residents := client.status().residents):
                with suppress(psutil.NoSuchProcess):  # it has just ended
                    psutil.Process(residents[0].worker_pid).kill()
                    kill_at = NEVER
    assert text == whole.text and num_recoveries > 0
