"""Requests are checked once, and every refusal names field, value and range."""

from __future__ import annotations

import math

import msgspec
import pytest
from hob.v1 import inference_pb2 as pb
from hobd.api import convert
from hobd.config import Config
from hobd.errors import InvalidRequest
from hobd.wire import messages as m
from hypothesis import given
from hypothesis import strategies as st

CONFIG = Config()


def given_chat(**fields: object) -> pb.ChatRequest:
    message = pb.ChatMessage(role="user", content=[pb.ContentPart(text="hi")])
    return pb.ChatRequest(**({"model": "m", "messages": [message]} | fields))


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"temperature": -1}, "temperature must be from 0 to 5, not -1"),
        ({"temperature": math.nan}, "temperature must be from 0 to 5, not nan"),
        ({"top_p": 1.5}, "top_p must be from 0 to 1, not 1.5"),
        ({"frequency_penalty": 3}, "frequency_penalty must be from -2 to 2, not 3"),
        ({"mirostat": pb.Mirostat(version=3)}, "mirostat.version must be from 1 to 2, not 3"),
        ({"logit_bias": {5: math.inf}}, "logit_bias of token 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_absurd_sampling_is_refused_by_name_value_and_range(
    sampling: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        convert.sampling(pb.Sampling(**sampling))


def test_unset_sampling_takes_defaults_and_a_random_seed() -> None:
    first, second = convert.sampling(pb.Sampling()), convert.sampling(pb.Sampling())
    assert first.temperature == m.Sampling().temperature
    assert first.seed != second.seed


def test_zero_temperature_is_kept_and_means_greedy() -> None:
    assert convert.sampling(pb.Sampling(temperature=0)).temperature == 0


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_tokens": 0}, "max_tokens must be from 1"),
        ({"stop": [""]}, "stop string 0 must have 1 to 256 characters, not 0"),
        ({"stop": ["x"] * 17}, "17 stop strings"),
        ({"logprobs": 21}, "logprobs must be from 0 to 20, not 21"),
    ],
)
def test_absurd_limits_are_refused(limits: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        convert.limits(pb.Limits(**limits), CONFIG)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"messages": []}, InvalidRequest, "conversation is empty"),
        ({"messages": [pb.ChatMessage()]}, InvalidRequest, "message 0 has no role"),
        ({"continue_last_message": True}, InvalidRequest, "the last message to be the assistant's"),
        ({"template_arguments": {"x": "{"}}, InvalidRequest, "is not JSON"),
        ({"template_arguments": {"x": "[NaN]"}}, InvalidRequest, "is not JSON"),
        ({"template_arguments": {"x": "1e999"}}, InvalidRequest, "is not JSON"),
        ({"template_arguments": {"x": '"\\ud800"'}}, InvalidRequest, "is not JSON"),
        ({"template_arguments": {"x": "[" * 9000}}, InvalidRequest, "nested 9000 levels deep; at most 32"),
        ({"template_arguments": {"x": f'"{"y" * (17 << 20)}"'}}, InvalidRequest, "at most 65536 are taken"),
        ({"options": pb.RequestOptions(truncation_strategy=2)}, InvalidRequest, "DROP_OLDEST_MESSAGES"),
        ({"options": pb.RequestOptions(priority_class=9)}, InvalidRequest, "priority_class 9 does not exist"),
        ({"response_format": pb.ResponseFormat(regex="")}, InvalidRequest, "response_format.regex"),
        ({"limits": pb.Limits(num_answers=17)}, InvalidRequest, "num_answers must be from 1 to 16, not 17"),
        ({"limits": pb.Limits(num_answers=0)}, InvalidRequest, "num_answers must be from 1 to 16, not 0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_chat_that_cannot_be_is_refused(
    fields: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        convert.chat_request(given_chat(**fields), CONFIG)


@pytest.mark.parametrize(
    ("loras", "message"),
    [
        ([("a", 10.5)], r"loras\[0\].scale must be from -10 to 10, not 10.5"),
        ([("a", 1), ("b", float("nan"))], r"loras\[1\].scale must be .*, not nan"),
        ([("a", float("inf"))], "not inf"),
        ([("", 1)], r"loras\[0\].name must have 1 to 255 characters, not 0"),
        ([("a" * 256, 1)], "not 256"),
        ([("a", 1), ("a", 2)], r"loras\[1\] names the same adapter"),
        ([(str(number), 1) for number in range(9)], "loras has 9 adapters; at most 8"),
    ],
)
def test_absurd_adapters_are_refused(loras: list[tuple[str, float]], message: str) -> None:
    wanted = [pb.LoraScale(name=name, scale=scale) for name, scale in loras]
    with pytest.raises(InvalidRequest, match=message):
        convert.generate_request(pb.GenerateRequest(text="hello", loras=wanted), Config())


def test_adapters_of_a_chat_reach_the_worker_as_they_were_named() -> None:
    request = convert.chat_request(given_chat(loras=[pb.LoraScale(name="Ä b", scale=-0.5)]), Config())
    assert request.loras == (m.Lora("Ä b", -0.5),)


def test_cache_domain_lies_inside_the_callers() -> None:
    request = convert.chat_request(given_chat(options=pb.RequestOptions(cache_domain="work")), CONFIG)
    assert request.caller and request.domain == f"{request.caller}:work"


def test_incognito_request_has_no_domain() -> None:
    options = pb.RequestOptions(incognito=True, cache_domain="work")
    assert convert.chat_request(given_chat(options=options), CONFIG).domain == ""


def test_endless_cache_domain_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 256 characters, not 300"):
        convert.chat_request(given_chat(options=pb.RequestOptions(cache_domain="a" * 300)), CONFIG)


def test_prompt_over_the_byte_limit_is_refused_with_both_numbers() -> None:
    config = Config(limits=type(CONFIG.limits)(max_prompt_bytes=10))
    with pytest.raises(InvalidRequest, match=r"11 bytes.*allows 10"):
        convert.generate_request(pb.GenerateRequest(text="x" * 11), config)


@given(text=st.text(max_size=50))
def test_no_refusal_and_no_repr_carries_text_of_the_prompt(text: str) -> None:
    secret = f"SECRET{text}"
    message = pb.ChatMessage(role="user", content=[pb.ContentPart(text=secret)])
    request = convert.chat_request(
        pb.ChatRequest(messages=[message], limits=pb.Limits(stop=["SECRET"])), CONFIG
    )
    assert "SECRET" not in repr(request) and "SECRET" not in repr(request.prompt)


@given(st.sampled_from(("9" * 40, "-0.0", '"\\u0000"', "null", '{"a": [1, true, "é"]}')))
def test_template_arguments_reach_the_worker_as_strict_json(text: str) -> None:
    prompt = convert.chat_prompt(given_chat(template_arguments={"x": text}), CONFIG)
    assert list(msgspec.json.decode(prompt.arguments)) == ["x"]
