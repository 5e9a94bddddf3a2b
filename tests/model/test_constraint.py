"""Constrained answers of real models: they conform, whoever speaks and however the tokens are chosen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hob_client import Client, errors
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.daemon import RunningDaemon
from tests.schemas import schemas
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.model

CAT = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "legs": {"type": "integer", "minimum": 0, "maximum": 9},
    },
    "required": ["name", "legs"],
    "additionalProperties": False,
}
CHAIN = "start: r0\n" + "\n".join(f"r{i}: r{i + 1}" for i in range(5000)) + '\nr5000: "a"'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> Iterator[Client]:
    """One daemon for all: the starter model, and one whose weights are noise, the best adversary."""
    running = RunningDaemon(tmp_path_factory.mktemp("constraint") / "home", fake_workers=False)
    running.add_model("starter", starter_model)
    noise = write_tiny_model(running.home / "noise.gguf", context=4096, printable=False, ends=True)
    running.add_model("noise", noise)
    with running.start().client() as client:
        yield client
    running.stop()


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "sampled"])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"regex": "[0-9]{3}-[a-z]{4}"}, "[0-9]{3}-[a-z]{4}"),
        ({"choice": ["a cat", "a category", "a dög"]}, "a cat|a category|a dög"),
        ({"gbnf": 'root ::= "It is a " animal "."\nanimal ::= "cat" | "dog"'}, r"It is a (cat|dog)\."),
        ({"lark": 'start: "yes" REST\nREST: /, [a-z]{1,9}/'}, "yes, [a-z]{1,9}"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_starters_answer_conforms(
    client: Client, shape: dict[str, Any], expected: str, temperature: float
) -> None:
    answer = client.ask("starter", "Describe a cat.", temperature=temperature, seed=1, max_tokens=40, **shape)
    assert re.fullmatch(expected, answer.text) and answer.finish_reason == "eos"


def test_starter_fills_in_a_schema(client: Client) -> None:
    answer = client.ask("starter", "Describe a cat.", temperature=0, max_tokens=80, json_schema=CAT)
    jsonschema.validate(json.loads(answer.text), CAT)


def test_starter_writes_json(client: Client) -> None:
    prompt = 'Two words: ["cat", "dog"]\nTwo words: ["sun", "sea"]\nTwo words:'
    answer = client.complete("starter", prompt, json=True, temperature=0, max_tokens=40)
    assert answer.finish_reason == "eos"
    json.loads(answer.text)


@settings(deadline=None, max_examples=25)
@given(schema=schemas(), seed=st.integers(0, 1 << 30))
def test_noise_validates(client: Client, schema: dict[str, Any], seed: int) -> None:
    answer = client.complete(
        "noise", "x", json_schema=schema, seed=seed, temperature=2, top_k=0, top_p=1, min_p=0, max_tokens=3000
    )
    assert answer.finish_reason == "eos"
    jsonschema.validate(json.loads(answer.text), schema)


@pytest.mark.parametrize(
    "options",
    [
        {"repeat_penalty": 1.3, "frequency_penalty": 1.0},
        {"dry": {"multiplier": 0.8, "base": 1.75, "allowed_length": 2}},
        {"xtc": {"probability": 1.0, "threshold": 0.01}},
        {"mirostat": {"version": 1, "tau": 5.0, "eta": 0.1}},
        {"mirostat": {"version": 2, "tau": 5.0, "eta": 0.1}},
        {"typical_p": 0.5, "top_n_sigma": 1.0, "dynatemp_range": 0.5},
        {"temperature": 0, "logit_bias": {token: float("-inf") for token in range(273)}},
        {"temperature": 1, "logit_bias": {token: float("-inf") for token in range(270)}},
        {"stop": ["-"]},
        {"logprobs": 3},
    ],
    ids=lambda options: "-".join(options),
)
def test_constraint_holds_under_every_sampler(client: Client, options: dict[str, Any]) -> None:
    answer = client.complete("noise", "x", regex="[a-f]{3}-?[0-9]{5}", seed=1, **options)
    assert re.fullmatch("[a-f]{3}-?[0-9]{5}" if "stop" not in options else "[a-f]{3}([0-9]{5})?", answer.text)


def test_bias_that_bans_all_that_is_allowed_bans_nothing(client: Client) -> None:
    def answer(**options: Any) -> str:
        return client.complete("noise", "x", temperature=0, regex="[a-z]{8}", **options).text

    assert answer(logit_bias={token: float("-inf") for token in range(273)}) == answer()
    assert "a" not in answer(logit_bias={client.tokenize("noise", "a")[0]: float("-inf")})


# In a process of its own, as all that loads llama.cpp. The model says its end whenever it may.
DRAW_ON = """
import numpy as np
from hobd.wire.messages import Constraint, Sampling
from hobd.worker.constraint import Grammars
from hobd.worker.sampling import ConstrainedSampler
from hobd.worker.lexicon import Lexicon
letters = Lexicon([bytes([byte]) for byte in range(256)] + [b"end"], [256], [256])
rows = np.zeros((1, 257), np.float32)
rows[0, 256] = 1
for text in ("ab", "ab?"):
    matcher, end = Grammars(lambda: letters).matcher(Constraint("regex", text))
    sampler = ConstrainedSampler(matcher, None, Sampling(), size=257, end=end, rows=lambda: rows)
    for position in range(4):
        token = sampler.draw(0, position)
        sampler.accept(token)
        print(token, end=" ")
    print(sampler.fault, end=";")
"""


def test_end_is_drawn_again_when_somebody_guesses_on_behind_it() -> None:
    command = [sys.executable, "-I", "-c", DRAW_ON]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert said == "97 98 256 256 ;97 256 256 256 ;"


def test_max_tokens_cut_an_answer_and_say_so(client: Client) -> None:
    answer = client.complete("noise", "x", regex="[a-z]{30}", max_tokens=3)
    assert answer.finish_reason == "max_tokens" and len(answer.text) < 30


def test_logprobs_are_those_of_the_model_alone(client: Client) -> None:
    def likeliest(**shape: Any) -> list[int]:
        events = client.generate("noise", "x", temperature=0, max_tokens=1, logprobs=5, **shape)
        (logprobs,) = [event.logprobs for event in events if event.kind == "delta"]
        return [top.token_id for top in logprobs[0].top]

    assert likeliest() == likeliest(choice=["Zebra"])


def test_grammar_that_compiles_for_long_does_not_stall_an_answer_under_way(client: Client) -> None:
    client.complete("noise", "x", choice=["a"])
    bomb = threading.Thread(target=refuse, args=(client, {"type": "integer", "multipleOf": 123456789}))
    num_deltas = 0
    events = client.generate("noise", "x", ignore_eos=True, max_tokens=3000)
    with closing(events):
        next(event for event in events if event.kind == "delta")
        bomb.start()
        while bomb.is_alive() and next(events).kind == "delta":
            num_deltas += 1
    bomb.join()
    assert num_deltas > 5


def refuse(client: Client, schema: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequest, match="takes too much time"):
        client.complete("noise", "x", json_schema=schema)


def test_grammar_that_proves_too_ambiguous_ends_its_answer_alone(client: Client) -> None:
    shape = 'start: "x" e{20}\ne: e e e | /[a-z ]/ | e e'
    with pytest.raises(errors.InvalidRequest, match="too ambiguous or complex to go on; simplify it"):
        client.complete("starter", "x", lark=shape, max_tokens=30)
    assert client.complete("starter", "x", choice=["a"]).text == "a"
    assert not any(resident.num_restarts for resident in client.status().residents)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"lark": "start: " + "(" * 60_000}, "nested 60000 levels deep; at most 100"),
        ({"json_schema": '{"items":' * 20_000 + "{}" + "}" * 20_000}, "nested 20001 levels deep"),
        ({"lark": CHAIN}, "takes too much time or memory"),
        ({"json_schema": {"type": "integer", "multipleOf": 123456789}}, "takes too much time or memory"),
        ({"json_schema": {"type": "objekt"}}, "json_schema cannot be used: Invalid type"),
        ({"json": True, "ignore_eos": True}, "leave one of them out"),
    ],
    ids=["brackets", "levels", "chain", "division", "type", "ignore_eos"],
)
def test_what_cannot_be_is_refused_and_the_worker_lives(
    client: Client, shape: dict[str, Any], words: str
) -> None:
    client.complete("noise", "x", choice=["a"])
    before = {resident.worker_pid for resident in client.status().residents}
    with pytest.raises(errors.InvalidRequest, match=words):
        client.complete("noise", "x", max_tokens=4, **shape)
    assert client.complete("noise", "x", choice=["a"]).text == "a"
    assert {resident.worker_pid for resident in client.status().residents} == before
