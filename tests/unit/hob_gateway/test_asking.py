"""Bodies and their fields: what is not understood is refused, and never quoted."""

from __future__ import annotations

import base64

import pytest
from hob_client.errors import InvalidRequest
from hob_gateway import asking, openai_talk
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(asking.parse_fields(body), dict)
    except InvalidRequest as error:
        assert error.message == "the body must be a JSON object"


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("messages", "tools", "tool_choice", "stop"), JSON)))
def test_any_conversation_is_read_or_refused(fields: dict[str, object]) -> None:
    for read in (openai_talk.messages_of, openai_talk.talk_of, openai_talk.sampling_of):
        try:
            read(fields)
        except InvalidRequest as error:
            assert len(error.message) < 200


@given(st.binary(max_size=100))
def test_file_in_a_url_comes_out_as_it_was(data: bytes) -> None:
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    assert asking.file_of_url(url, "x").data == data


@given(st.text())
def test_any_other_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        asking.file_of_url(url, "messages[0]")
    assert raised.value.message.startswith("messages[0] must be")


@pytest.mark.parametrize("value", [True, "7", [], 1.5, -1, 1e300])
def test_odd_count_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="n must be"):
        asking.take_count({"n": value}, "n")
