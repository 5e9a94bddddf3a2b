"""Tool calls and reasoning with real llama.cpp: the grammar holds whatever the model would rather say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest
from hob_client import Client, errors
from hob_client.events import AnswerBuilder

from tests.daemon import RunningDaemon
from tests.tiny_model import CHATML, write_tiny_model

pytestmark = pytest.mark.model

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 12},
            "days": {"type": "integer", "maximum": 9},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
}
TIME: dict[str, Any] = {"name": "get_time", "description": "The time of day."}
# Long enough to be killed in, and nothing to choose: a resumed answer is computed with other rounding errors,
# and a model of random weights is of two minds at every other letter.
LONG_TEXT = {"const": "the rain in the plain and the wind on the hill " * 6}
WRITE: dict[str, Any] = {
    "name": "write",
    "parameters": {
        "type": "object",
        "properties": {"text": LONG_TEXT},
        "required": ["text"],
        "additionalProperties": False,
    },
}
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 80, "seed": 5}
THINKS = CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'") + "{# </think> #}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> Iterator[Client]:
    """One daemon for all: the starter model, the tiny one, and a tiny one whose template begins a thought."""
    daemon = RunningDaemon(tmp_path_factory.mktemp("tools") / "home", fake_workers=False)
    daemon.add_model("starter", starter_model)
    write_tiny_model(daemon.models / "tiny.gguf", context=2048)
    write_tiny_model(daemon.models / "thinker.gguf", context=2048, template=THINKS)
    with daemon.start().client() as client:
        yield client
    daemon.stop()


@pytest.mark.parametrize("model", ["starter", "tiny"])
@pytest.mark.parametrize("seed", [1, 2])
def test_required_call_is_of_a_tool_with_arguments_after_its_schema(
    client: Client, model: str, seed: int
) -> None:
    asked: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "max_tokens": 120, "seed": seed}
    answer = client.ask(model, "Hello", temperature=1.5, **asked)
    (call,) = answer.tool_calls
    assert (answer.text, answer.finish_reason, call.name) == ("", "tool_calls", "get_weather")
    jsonschema.validate(call.parsed(), WEATHER["parameters"])


def test_starter_model_fills_in_what_was_asked_for(client: Client) -> None:
    question = "What is the weather in Paris?"
    answer = client.ask("starter", question, tools=[WEATHER, TIME], tool_choice="get_weather", **GREEDY)
    assert "Paris" in answer.tool_calls[0].parsed()["city"]


def test_named_tool_is_the_one_that_is_called(client: Client) -> None:
    answer = client.ask(
        "tiny", "hi", tools=[WEATHER, TIME], tool_choice="get_time", max_tokens=100, temperature=0
    )
    assert [(call.name, call.parsed()) for call in answer.tool_calls] == [("get_time", {})]


def test_model_that_may_choose_and_writes_text_is_left_alone(client: Client) -> None:
    with_tools = client.ask("tiny", "hi", tools=[WEATHER], temperature=0, max_tokens=12)
    assert with_tools.tool_calls == () and len(with_tools.text) >= 12
    assert with_tools.finish_reason == "max_tokens"


def test_results_go_back_and_the_conversation_goes_on(client: Client) -> None:
    asked = [{"role": "user", "content": "What time is it?"}]
    answer = client.ask("starter", asked, tools=[TIME], tool_choice="required", **GREEDY)
    result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "Half past nine."}
    talk = [*asked, answer.message, result]
    assert "<tool_response>\nHalf past nine." in client.apply_template("starter", talk, tools=[TIME]).prompt
    assert client.ask("starter", talk, tools=[TIME], tool_choice="none", max_tokens=8).text


def worker_of(client: Client, model: str) -> psutil.Process:
    (resident,) = [resident for resident in client.status().residents if resident.model == model]
    return psutil.Process(resident.worker_pid)


def test_call_survives_the_death_of_its_worker(client: Client) -> None:
    asked: dict[str, Any] = {"tools": [WRITE], "tool_choice": "required", "temperature": 0}
    asked |= {"max_tokens": 500, "seed": 5}
    whole = client.ask("tiny", "Write.", **asked).tool_calls[0]
    answer, is_killed = AnswerBuilder(), False
    for event in client.chat("tiny", "Write.", **asked):
        answer.add(event)
        if event.kind == "tool_call" and not is_killed:
            worker_of(client, "tiny").kill()
            is_killed = True
    assert answer.finish().tool_calls == (whole,) and answer.finish().receipt.resumed


def test_reasoning_ends_with_its_budget(client: Client) -> None:
    answer = client.ask("thinker", "hi", temperature=0, max_tokens=40, max_reasoning_tokens=5)
    assert 5 <= len(answer.reasoning.strip()) <= 15 and answer.text and "think" not in answer.text


def test_model_that_is_not_to_reason_answers_at_once(client: Client) -> None:
    answer = client.ask("thinker", "hi", temperature=0, max_tokens=30, reasoning=False)
    assert answer.reasoning.strip() == "" and answer.text


def test_reasoning_goes_on_to_the_end_of_an_answer_without_a_budget(client: Client) -> None:
    answer = client.ask("thinker", "hi", temperature=0, max_tokens=10)
    assert answer.reasoning and answer.text == ""


def test_answer_with_a_shape_may_be_reasoned_about(client: Client) -> None:
    asked: dict[str, Any] = {"choice": ["red", "blue"], "max_reasoning_tokens": 4, **GREEDY}
    answer = client.ask("thinker", "hi", **asked)
    assert answer.reasoning and answer.text in ("red", "blue")


def test_model_that_cannot_reason_says_so(client: Client) -> None:
    with pytest.raises(errors.NotSupported, match=r"reasoning\.enabled"):
        client.ask("tiny", "hi", reasoning=True, max_tokens=4)


def test_schema_that_cannot_be_enforced_is_refused_only_when_it_must_be(client: Client) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    tool = {"name": "f", "parameters": schema}
    with pytest.raises(errors.InvalidRequest, match=r"parameters_schema of a tool.*uniqueItems"):
        client.ask("tiny", "hi", tools=[tool], tool_choice="required", max_tokens=4)
    assert client.ask("tiny", "hi", tools=[tool], max_tokens=4).text
