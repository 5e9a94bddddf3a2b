"""OpenAI's own library against a real gateway: what it asks, what it gets, what it makes of errors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hob.v1 import inference_pb2 as pb
from openai.types.chat import ChatCompletionChunk

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.gateway.scripts import a_call
from tests.running_gateway import RunningGateway

USER: Any = [{"role": "user", "content": "Hi"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
PIXEL = base64.b64encode(b"\x89PNG pretended").decode()


@pytest.fixture
def client(gateway: RunningGateway, door: FakeDaemon) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0, timeout=20
    ) as client:
        yield client


def chunks(client: openai.OpenAI, **wishes: Any) -> list[ChatCompletionChunk]:
    return list(client.chat.completions.create(model="tiny", messages=USER, stream=True, **wishes))


def test_chat_is_answered_and_its_tokens_are_counted(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=USER)
    assert answer.choices[0].message.content == "Hello, hob!"
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "tiny")
    assert answer.usage is not None and answer.usage.completion_tokens == 2


def test_stream_says_the_same_in_pieces_and_ends_with_usage(client: openai.OpenAI) -> None:
    told = chunks(client, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told[:-1]) == "Hello, hob!"
    assert told[-2].choices[0].finish_reason == "stop"
    assert told[-1].usage is not None and told[-1].usage.completion_tokens == 2


def test_parameters_arrive_under_the_daemons_names(client: openai.OpenAI, door: FakeDaemon) -> None:
    client.chat.completions.create(
        model="tiny", messages=USER, temperature=0.5, max_completion_tokens=7, stop=["x"], seed=3, n=1,
        logit_bias={"5": -1}, logprobs=True, top_logprobs=2,
    )  # fmt: skip
    (asked,) = door.requests
    assert (asked.sampling.temperature, asked.sampling.seed, asked.limits.max_tokens) == (0.5, 3, 7)
    assert (list(asked.limits.stop), asked.limits.logprobs) == (["x"], 2)
    assert dict(asked.sampling.logit_bias) == {5: -1}


def test_each_token_has_cached_prefixes_of_its_own(client: openai.OpenAI, door: FakeDaemon) -> None:
    client.chat.completions.create(model="tiny", messages=USER)
    assert door.requests[0].options.cache_domain == "gateway:test"


def test_call_of_a_tool_comes_whole(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = a_call()
    answer = client.chat.completions.create(model="tiny", messages=USER, tools=[TOOL], tool_choice="required")
    (made,) = answer.choices[0].message.tool_calls or ()
    assert made.type == "function" and made.function.arguments == '{"city":"Oslo"}'
    assert (made.id, made.function.name) == ("call_1", "get_weather")
    assert answer.choices[0].finish_reason == "tool_calls"
    assert door.requests[0].tools[0].name == "get_weather"


def test_call_of_a_tool_comes_in_pieces(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = a_call()
    told = chunks(client, tools=[TOOL])
    pieces = [delta for chunk in told for delta in chunk.choices[0].delta.tool_calls or ()]
    assert [piece.function and piece.function.arguments for piece in pieces] == ['{"city":', '"Oslo"}']
    assert [piece.id for piece in pieces] == ["call_1", None]


def test_result_of_a_tool_goes_back(client: openai.OpenAI, door: FakeDaemon) -> None:
    made = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [
        *USER,
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
    ]
    client.chat.completions.create(model="tiny", messages=turns, tools=[TOOL])
    _, assistant, tool = door.requests[0].messages
    assert (assistant.tool_calls[0].name, tool.tool_call_id) == ("get_weather", "c")
    assert tool.content[0].text == "rain"


def test_schema_of_an_answer_arrives(client: openai.OpenAI, door: FakeDaemon) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "integer"}}}
    client.chat.completions.create(model="tiny", messages=USER, response_format=shape)
    assert door.requests[0].response_format.json_schema == '{"type": "integer"}'


def test_image_arrives_as_bytes(client: openai.OpenAI, door: FakeDaemon) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    turns: Any = [{"role": "user", "content": [{"type": "text", "text": "What?"}, image]}]
    client.chat.completions.create(model="tiny", messages=turns)
    assert door.requests[0].messages[0].content[1].media.data == b"\x89PNG pretended"


@pytest.mark.parametrize("url", ["http://127.0.0.1/x.png", "file:///etc/passwd", "data:,x"])
def test_nothing_is_fetched_for_an_image(client: openai.OpenAI, door: FakeDaemon, url: str) -> None:
    turns: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
    with pytest.raises(openai.BadRequestError, match="fetches nothing"):
        client.chat.completions.create(model="tiny", messages=turns)
    assert not door.requests


def test_several_answers_are_several_choices(client: openai.OpenAI, door: FakeDaemon) -> None:
    done = pb.Done(answers=[pb.AnswerEnd(answer=0), pb.AnswerEnd(answer=1)], receipt=pb.Receipt(model="tiny"))
    deltas = (pb.Event(delta=pb.TokenDelta(answer=n, text=text)) for n, text in enumerate("ab"))
    door.script = (*deltas, pb.Event(done=done))
    answer = client.chat.completions.create(model="tiny", messages=USER, n=2)
    assert [choice.message.content for choice in answer.choices] == ["a", "b"]
    assert door.requests[0].limits.num_answers == 2


def test_log_probabilities_are_told_by_token(client: openai.OpenAI, door: FakeDaemon) -> None:
    log = pb.TokenLogprob(token=b"A", logprob=-0.5, top=[pb.TokenLogprob(token=b"B", logprob=-1.5)])
    door.script = (pb.Event(delta=pb.TokenDelta(text="A", logprobs=[log])), tell()[-1])
    answer = client.chat.completions.create(model="tiny", messages=USER, logprobs=True)
    assert answer.choices[0].logprobs and answer.choices[0].logprobs.content
    (first,) = answer.choices[0].logprobs.content
    assert (first.token, first.logprob, first.top_logprobs[0].token) == ("A", -0.5, "B")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("MODEL_NOT_FOUND", openai.NotFoundError),
        ("PROMPT_TOO_LONG", openai.BadRequestError),
        ("BUSY", openai.RateLimitError),
        ("NOT_PERMITTED", openai.PermissionDeniedError),
        ("OUT_OF_MEMORY", openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_daemons_error_is_openais(
    client: openai.OpenAI, door: FakeDaemon, code: str, error: type[openai.APIStatusError], stream: bool
) -> None:
    door.script = (refusal(code, "it cannot be"),)
    with pytest.raises(error, match="it cannot be"):
        client.chat.completions.create(model="tiny", messages=USER, stream=stream)  # type: ignore[call-overload]


def test_error_in_mid_stream_is_told(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], refusal("WORKER_CRASHED", "it died"))
    with pytest.raises(openai.APIError, match="it died"):
        chunks(client)


def test_error_right_after_a_warning_is_told(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (pb.Event(warning=pb.Warning(code="odd")), refusal("WORKER_CRASHED", "it died"))
    with pytest.raises(openai.APIError, match="it died"):
        chunks(client)


def test_leaving_a_stream_cancels_at_the_daemon(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], HANG)
    stream = client.chat.completions.create(model="tiny", messages=USER, stream=True)
    next(iter(stream))
    stream.close()
    assert door.was_cancelled.wait(10)


def test_leaving_a_whole_answer_cancels_at_the_daemon(client: openai.OpenAI, door: FakeDaemon) -> None:
    door.script = (*tell("Hel")[:-1], HANG)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5).chat.completions.create(model="tiny", messages=USER)
    assert door.was_cancelled.wait(10)


def test_raw_text_is_continued(client: openai.OpenAI, door: FakeDaemon) -> None:
    told = client.completions.create(model="tiny", prompt=["Once", "Twice"], echo=True)
    assert [choice.text for choice in told.choices] == ["OnceHello, hob!", "TwiceHello, hob!"]
    assert [request.text for request in door.requests] == ["Once", "Twice"]
    assert door.requests[0].limits.max_tokens == 16


def test_raw_text_is_streamed(client: openai.OpenAI) -> None:
    told = list(client.completions.create(model="tiny", prompt="Once", stream=True))
    assert "".join(chunk.choices[0].text for chunk in told) == "Hello, hob!"


def test_gap_is_filled(client: openai.OpenAI, door: FakeDaemon) -> None:
    client.completions.create(model="tiny", prompt="def f(", suffix="): pass")
    assert (door.requests[0].prefix, door.requests[0].suffix) == ("def f(", "): pass")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_come_in_order(client: openai.OpenAI, encoding: Any) -> None:
    told = client.embeddings.create(model="tiny", input=["a", "b"], encoding_format=encoding)
    first = told.data[0].embedding
    decoded = list(memoryview(base64.b64decode(first)).cast("f")) if isinstance(first, str) else first
    assert (decoded, told.usage.prompt_tokens) == ([1.0, 0.25], 5)


def test_tokens_of_another_models_are_refused(client: openai.OpenAI, door: FakeDaemon) -> None:
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length"):
        client.embeddings.create(model="tiny", input=[1, 2])
    assert not door.requests


def test_models_are_listed_and_shown(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny", "big"]
    assert client.models.retrieve("b").id == "big"
    with pytest.raises(openai.NotFoundError, match="there are: tiny, big"):
        client.models.retrieve("none")


def test_without_a_valid_token_nothing_is_asked(gateway: RunningGateway, door: FakeDaemon) -> None:
    wrong = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="hob-wrong", max_retries=0)
    with wrong, pytest.raises(openai.AuthenticationError):
        wrong.models.list()
    assert not door.requests
