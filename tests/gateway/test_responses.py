"""`/v1/responses` with OpenAI's own library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import PARAMETERS, a_thought_and_a_call
from tests.running_gateway import RunningGateway

TOOL: Any = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": None}


@pytest.fixture
def client(gateway: RunningGateway, door: FakeDaemon) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0, timeout=20
    ) as client:
        yield client


def test_response_is_answered(client: openai.OpenAI, door: FakeDaemon) -> None:
    told = client.responses.create(model="tiny", input="Hi", instructions="Be brief", max_output_tokens=9)
    assert (told.output_text, told.status) == ("Hello, hob!", "completed")
    assert told.usage is not None and told.usage.output_tokens == 2
    assert [turn.role for turn in door.requests[0].messages] == ["system", "user"]
    assert door.requests[0].limits.max_tokens == 9


def test_stream_ends_with_the_same_response(client: openai.OpenAI) -> None:
    with client.responses.stream(model="tiny", input="Hi") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert text == final.output_text == "Hello, hob!"


def test_items_are_told_in_order(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = a_thought_and_a_call()
    whole = client.responses.create(model="tiny", input="Hi", tools=[TOOL])
    with client.responses.stream(model="tiny", input="Hi", tools=[TOOL]) as stream:
        streamed = stream.get_final_response()
    for told in (whole, streamed):
        kinds = [item.type for item in told.output]
        assert kinds == ["reasoning", "message", "function_call", "function_call"]
        assert told.output[2].type == "function_call" and told.output[2].arguments == '{"city":"Oslo"}'


def test_conversation_goes_on_where_it_was(client: openai.OpenAI, door: FakeDaemon) -> None:
    first = client.responses.create(model="tiny", input="Hi")
    client.responses.create(model="tiny", input="And?", previous_response_id=first.id)
    told = [(turn.role, turn.content[0].text) for turn in door.requests[1].messages]
    assert told == [("user", "Hi"), ("assistant", "Hello, hob!"), ("user", "And?")]


def test_result_of_a_tool_follows_its_call(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = a_thought_and_a_call()
    first = client.responses.create(model="tiny", input="Hi", tools=[TOOL])
    result: Any = [{"type": "function_call_output", "call_id": "call_1", "output": "rain"}]
    client.responses.create(model="tiny", input=result, previous_response_id=first.id, tools=[TOOL])
    _, assistant, tool = door.requests[1].messages
    assert [call.id for call in assistant.tool_calls] == ["call_1", "call_2"]
    assert (tool.role, tool.tool_call_id) == ("tool", "call_1")


def test_other_tokens_responses_are_not_found(client: openai.OpenAI, gateway: RunningGateway) -> None:
    first = client.responses.create(model="tiny", input="Hi")
    other = client.with_options(api_key=gateway.add_token("other"))
    with pytest.raises(openai.BadRequestError, match="previous_response_id is not known"):
        other.responses.create(model="tiny", input="And?", previous_response_id=first.id)
    gateway.command("gateway", "token", "revoke", "other")


@pytest.mark.parametrize("stored", [False, True], ids=["not stored", "deleted"])
def test_what_is_not_kept_is_not_found(client: openai.OpenAI, stored: bool) -> None:
    first = client.responses.create(model="tiny", input="Hi", store=stored)
    client.responses.delete(first.id)
    with pytest.raises(openai.BadRequestError, match="previous_response_id is not known"):
        client.responses.create(model="tiny", input="And?", previous_response_id=first.id)


def test_error_is_told(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (refusal("MODEL_NOT_FOUND", "no such model"),)
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.responses.create(model="x", input="Hi")


def test_leaving_a_stream_cancels_at_the_daemon(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], HANG)
    stream = client.responses.create(model="tiny", input="Hi", stream=True)
    next(iter(stream))
    stream.close()
    assert door.was_cancelled.wait(10)
