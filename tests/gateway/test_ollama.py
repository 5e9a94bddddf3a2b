"""Ollama's own library against a real gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from hob_gateway.ollama_talk import keep_alive

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import PARAMETERS, a_thought_and_a_call
from tests.running_gateway import RunningGateway

USER: Any = [{"role": "user", "content": "Hi"}]
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}


@pytest.fixture
def client(gateway: RunningGateway, door: FakeDaemon) -> Iterator[ollama.Client]:
    with ollama.Client(
        gateway.url, headers={"authorization": f"Bearer {gateway.token}"}, trust_env=False
    ) as client:
        yield client


def test_chat_is_answered(client: ollama.Client, door: FakeDaemon) -> None:
    told = client.chat("tiny:latest", USER, options={"num_predict": 9, "temperature": 0}, keep_alive="5m")
    assert (told.message.content, told.done_reason, told.eval_count) == ("Hello, hob!", "stop", 2)
    asked = door.requests[0]
    assert (asked.model, asked.limits.max_tokens, asked.options.keep_alive_seconds) == ("tiny", 9, 300)
    assert asked.sampling.HasField("temperature") and asked.sampling.temperature == 0


def test_stream_says_the_same_in_pieces(client: ollama.Client) -> None:
    told = list(client.chat("tiny", USER, stream=True))
    assert "".join(part.message.content or "" for part in told) == "Hello, hob!"
    assert [part.done for part in told] == [False, False, True]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_thought_and_calls_are_told(client: ollama.Client, door: FakeDaemon, stream: Any) -> None:
    door.script = a_thought_and_a_call()
    told = client.chat("tiny", USER, tools=[TOOL], stream=stream)
    parts: Any = list(told) if stream else [told]
    calls = [call for part in parts for call in part.message.tool_calls or ()]
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert calls[0].function.arguments == {"city": "Oslo"}
    assert "".join(part.message.thinking or "" for part in parts) == "Hmm"


def test_result_of_a_tool_finds_its_call(client: ollama.Client, door: FakeDaemon) -> None:
    made = {"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
    answered: Any = [{"role": "assistant", "tool_calls": [made]}, {"role": "tool", "content": "rain"}]
    client.chat("tiny", [*USER, *answered], tools=[TOOL])
    _, assistant, tool = door.requests[0].messages
    assert assistant.tool_calls[0].id == tool.tool_call_id != ""


def test_text_is_generated(client: ollama.Client, door: FakeDaemon) -> None:
    assert client.generate("tiny", "Hi", system="Be brief").response == "Hello, hob!"
    assert client.generate("tiny", "Hi", raw=True).response == "Hello, hob!"
    assert client.generate("tiny", "a(", suffix=")").response == "Hello, hob!"
    chat, raw, gap = door.requests
    assert ([turn.role for turn in chat.messages], raw.text, gap.suffix) == (["system", "user"], "Hi", ")")


def test_shape_arrives(client: ollama.Client, door: FakeDaemon) -> None:
    client.chat("tiny", USER, format="json")
    client.chat("tiny", USER, format={"type": "integer"})
    first, second = (request.response_format for request in door.requests)
    assert first.HasField("json") and second.json_schema == '{"type": "integer"}'


def test_empty_prompt_loads(client: ollama.Client, door: FakeDaemon) -> None:
    assert client.generate("tiny", keep_alive=-1).done_reason == "load"
    assert door.requests[0].keep_alive_seconds == 31_536_000


def test_models_are_told(client: ollama.Client) -> None:
    assert [model.model for model in client.list().models] == ["tiny", "big"]
    assert [model.model for model in client.ps().models] == ["tiny"]
    assert client.show("tiny").capabilities is not None


def test_vectors_come_in_order(client: ollama.Client) -> None:
    assert client.embed("tiny", ["a", "b"]).embeddings == [[1.0, 0.25], [0.0, 1.0]]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_daemons_error_is_ollamas(client: ollama.Client, door: FakeDaemon, stream: Any) -> None:
    door.script = (refusal("MODEL_NOT_FOUND", "no such model", suggestions=["tiny"]),)
    with pytest.raises(ollama.ResponseError, match="no such model; there are: tiny") as raised:
        list(client.chat("x", USER, stream=stream))
    assert raised.value.status_code == 404


def test_error_in_mid_stream_is_told(client: ollama.Client, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], refusal("WORKER_CRASHED", "it died"))
    with pytest.raises(ollama.ResponseError, match="it died"):
        list(client.chat("tiny", USER, stream=True))


def test_leaving_a_stream_cancels_at_the_daemon(client: ollama.Client, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], HANG)
    stream = client.chat("tiny", USER, stream=True)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert door.was_cancelled.wait(10)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("10", 10), (0, 0), (-1, 31_536_000), ("-1s", 31_536_000)],
)
def test_keep_alive_is_read_as_ollama_writes_it(wish: Any, seconds: int) -> None:
    assert keep_alive(wish) == {"keep_alive_seconds": seconds}
