"""Anthropic's own library against a real gateway."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import PARAMETERS, a_call, a_thought_and_a_call
from tests.running_gateway import RunningGateway

USER: Any = [{"role": "user", "content": "Hi"}]
TOOL: Any = {"name": "get_weather", "description": "d", "input_schema": PARAMETERS}
ASKED: Any = {"model": "tiny", "max_tokens": 50}


@pytest.fixture
def client(gateway: RunningGateway, door: FakeDaemon) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=gateway.url, api_key=gateway.token, max_retries=0, timeout=20
    ) as client:
        yield client


def test_message_is_answered(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    told = client.messages.create(**ASKED, messages=USER, system="Be brief", stop_sequences=["x"])
    assert told.content[0].type == "text" and told.content[0].text == "Hello, hob!"
    assert (told.stop_reason, told.usage.output_tokens) == ("end_turn", 2)
    asked = door.requests[0]
    assert [turn.role for turn in asked.messages] == ["system", "user"]
    assert (asked.limits.max_tokens, list(asked.limits.stop)) == (50, ["x"])


def test_stream_has_the_events_that_the_library_wants(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASKED, messages=USER) as stream:
        assert "".join(stream.text_stream) == "Hello, hob!"
        final = stream.get_final_message()
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 2)


def test_thought_text_and_calls_are_blocks_in_order(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    door.script = a_thought_and_a_call()
    whole = client.messages.create(**ASKED, messages=USER, tools=[TOOL])
    with client.messages.stream(**ASKED, messages=USER, tools=[TOOL]) as stream:
        streamed = stream.get_final_message()
    for told in (whole, streamed):
        assert [block.type for block in told.content] == ["thinking", "text", "tool_use", "tool_use"]
        assert told.content[2].type == "tool_use" and told.content[2].input == {"city": "Oslo"}
        assert told.stop_reason == "tool_use"


def test_results_of_tools_go_back_before_the_users_words(
    client: anthropic.Anthropic, door: FakeDaemon
) -> None:
    use = {"type": "tool_use", "id": "c", "name": "get_weather", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "rain"}]}
    turns: Any = [
        *USER,
        {"role": "assistant", "content": [{"type": "text", "text": "I look"}, use]},
        {"role": "user", "content": [{"type": "text", "text": "So?"}, result]},
    ]
    client.messages.create(**ASKED, messages=turns, tools=[TOOL])
    told = door.requests[0].messages
    assert [turn.role for turn in told] == ["user", "assistant", "tool", "user"]
    assert told[1].tool_calls[0].arguments == '{"city": "Oslo"}'
    assert (told[2].tool_call_id, told[2].content[0].text) == ("c", "rain")


@pytest.mark.parametrize(
    ("choice", "mode", "name"),
    [
        ({"type": "auto"}, 1, ""),
        ({"type": "any"}, 3, ""),
        ({"type": "tool", "name": "get_weather"}, 4, "get_weather"),
    ],
    ids=["auto", "any", "named"],
)
def test_choice_of_a_tool_arrives(
    client: anthropic.Anthropic, door: FakeDaemon, choice: Any, mode: int, name: str
) -> None:
    door.script = a_call()
    client.messages.create(**ASKED, messages=USER, tools=[TOOL], tool_choice=choice)
    assert (door.requests[0].tool_choice.mode, door.requests[0].tool_choice.name) == (mode, name)


def test_image_arrives_as_bytes_and_none_is_fetched(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    data = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"png").decode()}
    turns: Any = [{"role": "user", "content": [{"type": "image", "source": data}]}]
    client.messages.create(**ASKED, messages=turns)
    assert door.requests[0].messages[0].content[0].media.data == b"png"
    turns[0]["content"][0]["source"] = {"type": "url", "url": "http://127.0.0.1/x"}
    with pytest.raises(anthropic.BadRequestError, match="nothing is fetched"):
        client.messages.create(**ASKED, messages=turns)


def test_tokens_are_counted(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    assert client.messages.count_tokens(model="tiny", messages=USER, tools=[TOOL]).input_tokens == 4
    assert door.requests[0].chat.tools[0].name == "get_weather"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("MODEL_NOT_FOUND", anthropic.NotFoundError),
        ("INVALID_REQUEST", anthropic.BadRequestError),
        ("BUSY", anthropic.RateLimitError),
    ],
)
def test_daemons_error_is_anthropics(
    client: anthropic.Anthropic, door: FakeDaemon, code: str, error: type[anthropic.APIStatusError]
) -> None:
    door.script = (refusal(code, "it cannot be"),)
    with pytest.raises(error, match="it cannot be"):
        client.messages.create(**ASKED, messages=USER)


def test_error_in_mid_stream_is_told(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], refusal("WORKER_CRASHED", "it died"))
    with (
        pytest.raises(anthropic.APIError, match="it died"),
        client.messages.stream(**ASKED, messages=USER) as stream,
    ):
        stream.until_done()


def test_leaving_a_stream_cancels_at_the_daemon(client: anthropic.Anthropic, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], HANG)
    stream = client.messages.create(**ASKED, messages=USER, stream=True)
    next(iter(stream))
    stream.close()
    assert door.was_cancelled.wait(10)


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == ["tiny", "big"]
