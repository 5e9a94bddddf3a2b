"""LangChain's OpenAI package against a real gateway: what agents built on it rely on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hob.v1 import inference_pb2 as pb
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from tests.daemon import await_true
from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import a_call
from tests.running_gateway import RunningGateway


class City(BaseModel):
    """A city and its people."""

    name: str
    people: int


def get_weather(city: str) -> str:
    """Say what the weather is in a city."""
    return f"rain in {city}"


def chat(gateway: RunningGateway) -> ChatOpenAI:
    """With connections of its own: by default LangChain keeps some for all models."""
    return ChatOpenAI(
        model="tiny",
        base_url=f"{gateway.url}/v1",
        api_key=SecretStr(gateway.token),
        http_client=openai.DefaultHttpxClient(trust_env=False),
        http_async_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        max_retries=0,
        timeout=20,
        temperature=0,
        stream_usage=True,
    )


async def close(model: ChatOpenAI) -> None:
    model.root_client.close()
    await model.root_async_client.close()


@pytest.fixture
def model(gateway: RunningGateway, door: FakeDaemon) -> Iterator[ChatOpenAI]:
    model = chat(gateway)
    yield model
    asyncio.run(close(model))


def test_answer_has_its_usage(model: ChatOpenAI) -> None:
    told = model.invoke([("system", "Be brief."), ("user", "Hi")])
    assert told.content == "Hello, hob!" and told.response_metadata["finish_reason"] == "stop"
    assert told.usage_metadata is not None and told.usage_metadata["output_tokens"] == 2


def test_stream_says_the_same_in_pieces(model: ChatOpenAI) -> None:
    told = list(model.stream("Hi"))
    assert "".join(str(piece.content) for piece in told) == "Hello, hob!"
    assert [piece.usage_metadata["output_tokens"] for piece in told if piece.usage_metadata] == [2]


def test_tool_is_called_and_its_result_goes_back(model: ChatOpenAI, door: FakeDaemon) -> None:
    door.script = a_call()
    asked = HumanMessage("Weather in Oslo?")
    told = model.bind_tools([get_weather]).invoke([asked])
    (call,) = told.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    assert door.requests[-1].tools[0].name == "get_weather"
    door.script = tell("It rains.")
    result = ToolMessage(get_weather(**call["args"]), tool_call_id=str(call["id"]))
    assert model.invoke([asked, told, result]).content == "It rains."
    last = door.requests[-1].messages[-1]
    assert (last.role, last.tool_call_id, last.content[0].text) == ("tool", "call_1", "rain in Oslo")


def test_call_comes_in_pieces(model: ChatOpenAI, door: FakeDaemon) -> None:
    door.script = a_call()
    pieces = list(model.bind_tools([get_weather]).stream("Weather in Oslo?"))
    whole: Any = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("get_weather", {"city": "Oslo"})]


def test_answer_of_a_given_shape_is_parsed(model: ChatOpenAI, door: FakeDaemon) -> None:
    door.script = tell('{"name": "Oslo",', ' "people": 7}')
    told = model.with_structured_output(City, method="json_schema").invoke("A city?")
    assert told == City(name="Oslo", people=7)
    shape = door.requests[-1].response_format
    assert set(json.loads(shape.json_schema)["properties"]) == {"name", "people"}


def test_vectors_come_back_in_order(gateway: RunningGateway, door: FakeDaemon) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token) as root:
        embedder = OpenAIEmbeddings(
            model="tiny", client=root.embeddings, api_key=SecretStr("x"), check_embedding_ctx_length=False
        )
        assert embedder.embed_documents(["a", "b"]) == [[1.0, 0.25], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("model_not_found", openai.NotFoundError),
        ("prompt_too_long", openai.BadRequestError),
        ("busy", openai.RateLimitError),
        ("out_of_memory", openai.InternalServerError),
    ],
)
def test_refusal_is_its_librarys_own(
    model: ChatOpenAI, door: FakeDaemon, code: str, kind: type[Exception]
) -> None:
    door.script = (refusal(code, "it cannot be"),)
    with pytest.raises(kind, match="it cannot be"):
        model.invoke("Hi")


def test_stream_that_is_left_is_cancelled(model: ChatOpenAI, door: FakeDaemon) -> None:
    door.script = (*tell("One")[:-1], HANG)
    stream = model.stream("Hi")
    assert next(stream).content in ("", "One")
    stream.close()  # type: ignore[attr-defined]
    assert door.was_cancelled.wait(20)


def test_asynchronous_task_that_is_cancelled_ends_at_the_daemon(
    gateway: RunningGateway, door: FakeDaemon
) -> None:
    door.script = (*tell("One")[:-1], HANG)

    async def ask() -> None:
        model = chat(gateway)
        task = asyncio.ensure_future(model.ainvoke("Hi"))
        await asyncio.to_thread(_await_request, door)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await close(model)

    asyncio.run(ask())
    assert door.was_cancelled.wait(20)


def _await_request(door: FakeDaemon) -> None:
    await_true(lambda: any(isinstance(asked, pb.ChatRequest) for asked in door.requests), "the request", 20)
