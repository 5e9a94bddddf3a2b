"""Requests say what the caller said, and errors do not."""

from __future__ import annotations

from typing import Any

import pytest
from hob.v1 import inference_pb2 as pb
from hob_client.errors import InvalidRequest
from hob_client.parameters import PARTS, Parameters, build_parts
from hob_client.requests import chat_request, check_text, generate_request, token_ids
from hob_client.texts import infill_request
from hob_client.values import Media


def test_parameters_and_contract_have_the_same_names() -> None:
    assert set(Parameters.__annotations__) == {*PARTS, "loras"}
    assert "loras" in pb.GenerateRequest.DESCRIPTOR.fields_by_name


def test_each_parameter_lands_in_its_part() -> None:
    parts = build_parts(
        {
            "temperature": 0.0,
            "max_tokens": 5,
            "incognito": True,
            "priority_class": "batch",
            "dry": {"base": 2.0},
        }
    )
    assert parts["sampling"] == pb.Sampling(temperature=0.0, dry=pb.Dry(base=2.0))
    assert parts["limits"] == pb.Limits(max_tokens=5)
    assert parts["options"] == pb.RequestOptions(incognito=True, priority_class=pb.PRIORITY_CLASS_BATCH)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"json": True}, pb.ResponseFormat(json=pb.JsonFormat())),
        ({"json": False}, None),
        ({"json_schema": {"type": "null"}}, pb.ResponseFormat(json_schema='{"type": "null"}')),
        ({"json_schema": "{}"}, pb.ResponseFormat(json_schema="{}")),
        ({"regex": "a+"}, pb.ResponseFormat(regex="a+")),
        ({"choice": ["a", "b"]}, pb.ResponseFormat(choice=pb.ChoiceFormat(choices=["a", "b"]))),
    ],
)
def test_shape_of_the_answer_lands_in_its_part(parameters: dict[str, Any], expected: Any) -> None:
    assert build_parts(parameters).get("response_format") == expected


def test_unset_parameters_stay_unset() -> None:
    assert not build_parts({})["sampling"].HasField("temperature")


def test_single_stop_text_is_not_taken_for_its_letters() -> None:
    assert list(build_parts({"stop": "END"})["limits"].stop) == ["END"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"temprature": 1}, "did you mean 'temperature'"),
        ({"seed": "seven"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"dry": {"bse": 1}}, "dry"),
        ({"priority_class": "urgent"}, "interactive, normal, batch"),
        ({"truncation_strategy": "cut"}, "drop_oldest_messages, keep_end"),
        ({"regex": "a", "json": True}, "an answer has one shape; choose one of regex, json"),
        ({"choice": "abc"}, "choice must be a list"),
        ({"json_schema": {"secret": object()}}, "json_schema holds what JSON has not"),
        ({"loras": ["story"]}, "loras must be a dict of adapters' names and their scales"),
        ({"loras": {"story": "much"}}, "loras must be a dict"),
    ],
    ids=[
        *("unknown", "type", "range", "nested", "priority", "truncation", "shapes", "choice", "schema"),
        *("list of adapters", "scale"),
    ],
)
def test_wrong_parameter_is_refused_by_name(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        build_parts(parameters)


def test_adapters_travel_with_their_scales() -> None:
    for request in (
        chat_request("m", "hi", {"loras": {"a": 0.5}}),
        generate_request("m", "hi", False, {"loras": {"a": 0.5}}),
        infill_request("m", "a", "b", "", {}, {"loras": {"a": 0.5}}),
    ):
        assert list(request.loras) == [pb.LoraScale(name="a", scale=0.5)]


def test_text_is_one_turn_of_the_user() -> None:
    request = chat_request("m", "hi", {})
    assert [(m.role, m.content[0].text) for m in request.messages] == [("user", "hi")]


def test_template_arguments_travel_as_json() -> None:
    request = chat_request("m", "hi", {"template_arguments": {"enable_thinking": False}})
    assert dict(request.template_arguments) == {"enable_thinking": "false"}


def test_prompt_is_text_or_tokens() -> None:
    assert generate_request("m", "abc", False, {}).text == "abc"
    assert list(generate_request("m", [1, 2], False, {}).tokens.ids) == [1, 2]


@pytest.mark.parametrize(
    "turn", [{"role": "user"}, {"content": "x"}, {"role": "a", "content": "x", "y": "z"}]
)
def test_malformed_turn_is_refused_by_its_place(turn: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"messages\[1\]"):
        chat_request("m", [{"role": "user", "content": "hi"}, turn], {})


def test_token_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="whole numbers"):
        token_ids([-1])


@pytest.mark.parametrize("text", ["secret \ud800", b"secret"], ids=["surrogate", "bytes"])
def test_bad_text_is_refused_without_being_quoted_or_kept(text: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_text("the prompt", text)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "parameters",
    [{"stop": ["secret \ud800"]}, {"regex": "secret \ud800"}, {"choice": ["secret \ud800"]}],
    ids=lambda parameters: next(iter(parameters)),
)
def test_bad_text_of_a_parameter_is_refused_without_being_quoted(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(parameters))) as caught:
        build_parts(parameters)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_gap_takes_no_shape() -> None:
    with pytest.raises(InvalidRequest, match="shape from around it"):
        infill_request("tiny", "a", "b", "", {}, {"regex": "a"})


def test_media_keep_their_places_in_a_message_and_show_in_no_repr() -> None:
    shown = Media(data=b"GIF89a", mime_type="image/gif")
    request = chat_request("m", [{"role": "user", "content": ["see ", shown, "?"]}], {})
    parts = request.messages[0].content
    assert [part.WhichOneof("part") for part in parts] == ["text", "media", "text"]
    assert (parts[1].media.data, parts[1].media.mime_type) == (b"GIF89a", "image/gif")
    assert "GIF89a" not in repr(shown)


def test_content_that_is_neither_text_nor_media_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequest, match=r"messages\[0\]\['content'\] is a bytes"):
        chat_request("m", [{"role": "user", "content": ["see ", b"GIF89a"]}], {})  # type: ignore[list-item]
