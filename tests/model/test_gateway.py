"""Client libraries, the gateway, the daemon and real llama.cpp, all together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.daemon import RunningDaemon, await_true
from tests.running_gateway import RunningGateway

pytestmark = pytest.mark.model

USER: Any = [{"role": "user", "content": "The capital of France?"}]
GREEDY = {"temperature": 0}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, starter_model: Path) -> Iterator[RunningGateway]:
    """The starter model behind a daemon behind a gateway."""
    home = tmp_path_factory.mktemp("house")
    daemon = RunningDaemon(home / "daemon", fake_workers=False)
    daemon.add_model("starter", starter_model)
    daemon.start()
    gateway = RunningGateway(home / "gateway", daemon.socket).start()
    yield gateway
    gateway.stop()
    daemon.stop()


@pytest.fixture
def client(house: RunningGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.token, max_retries=0) as client:
        yield client


def test_schema_holds_through_the_gateway(client: openai.OpenAI) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": {"city": "Paris"}}}}
    told = client.chat.completions.create(
        model="starter", messages=USER, response_format=shape, max_tokens=60, temperature=0
    )
    assert json.loads(told.choices[0].message.content or "") == {"city": "Paris"}


def test_required_tool_is_called(client: openai.OpenAI) -> None:
    told = client.chat.completions.create(
        model="starter", messages=USER, tools=[TOOL], tool_choice="required", max_tokens=100, temperature=0
    )
    (call,) = told.choices[0].message.tool_calls or ()
    assert call.type == "function" and call.function.name == "get_weather"
    assert "Oslo" in call.function.arguments and told.choices[0].finish_reason == "tool_calls"


def test_leaving_frees_the_lane(house: RunningGateway, client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="starter", messages=USER, max_tokens=400, stream=True)
    next(iter(stream))
    stream.close()
    with house.http() as http:
        await_true(lambda: not http.get("/hob/status").json()["residents"][0]["num_running"], "it is idle")


def test_three_libraries_hear_the_same(house: RunningGateway, client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="starter", messages=USER, max_tokens=6, temperature=0)
    with anthropic.Anthropic(base_url=house.url, api_key=house.token) as claude:
        second = claude.messages.create(model="starter", messages=USER, max_tokens=6, extra_body=GREEDY)
    with ollama.Client(house.url, headers={"authorization": f"Bearer {house.token}"}) as llama:
        third = llama.chat("starter", USER, options={"num_predict": 6, "temperature": 0})
    assert second.content[0].type == "text"
    assert first.choices[0].message.content == second.content[0].text == third.message.content
