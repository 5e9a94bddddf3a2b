"""Shapes of answers are bounded before anybody reads them, and each refusal names field, value and range."""

from __future__ import annotations

import json

import pytest
from hob.v1 import inference_pb2 as pb
from hobd.api.response_format import constraint, depth
from hobd.errors import InvalidRequest
from hobd.wire import messages as m
from hypothesis import given
from hypothesis import strategies as st


def constrain(ignores_end: bool = False, **response_format: object) -> m.Constraint | None:
    return constraint(pb.ResponseFormat(**response_format), ignores_end=ignores_end)


def choices(*texts: str) -> pb.ChoiceFormat:
    return pb.ChoiceFormat(choices=texts)


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [
        ({}, None),
        ({"json": pb.JsonFormat()}, m.Constraint("json", "")),
        ({"json_schema": "{}"}, m.Constraint("json_schema", "{}")),
        ({"gbnf": "root ::= x"}, m.Constraint("gbnf", "root ::= x")),
        ({"choice": choices("a", 'é"')}, m.Constraint("choice", '["a", "é\\""]')),
    ],
    ids=lambda value: next(iter(value), "none") if isinstance(value, dict) else "",
)
def test_each_format_becomes_a_constraint(response_format: dict[str, object], expected: object) -> None:
    assert constrain(**response_format) == expected


@pytest.mark.parametrize(
    ("response_format", "message"),
    [
        ({"regex": ""}, "response_format.regex must have 1 to 16384 bytes, not 0"),
        ({"regex": "é" * 9000}, "response_format.regex must have 1 to 16384 bytes, not 18000"),
        ({"json_schema": " " * 300_000}, "json_schema must have 1 to 262144 bytes, not 300000"),
        ({"lark": "start: " + "(" * 60_000}, "response_format.lark is nested 60000 levels deep; at most 100"),
        ({"json_schema": "[" * 60_000}, "nested 60000 levels deep; at most 100"),
        ({"choice": choices()}, "must have 1 to 1000 choices, not 0"),
        ({"choice": choices(*["a"] * 1001)}, "must have 1 to 1000 choices, not 1001"),
        ({"choice": choices("a", "")}, "choice 1 of response_format must have 1 to 1024 characters, not 0"),
        ({"choice": choices(*["a" * 1024] * 65)}, "66560 characters in all; 65536 are allowed"),
        ({"ignores_end": True, "regex": "a"}, "leave one of them out"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_absurd_format_is_refused_by_name_value_and_range(
    response_format: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        constrain(**response_format)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a", 0),
        ("[[1], {}]", 2),
        (r'"[[[" "\"[["', 0),
        (r"\(\(\(", 0),
        ("]]]][", 1),
        ('"[[', 2),
    ],
    ids=["empty", "flat", "nested", "quoted", "escaped", "closed first", "quote left open"],
)
def test_depth_counts_brackets_that_are_brackets(text: str, expected: int) -> None:
    assert depth(text) == expected


JSON = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def nesting(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(nesting, value), default=0) if isinstance(value, list) else 0


@given(value=JSON)
def test_depth_of_json_is_that_of_its_values(value: object) -> None:
    assert depth(json.dumps(value)) == nesting(value)


@given(text=st.text())
def test_depth_is_found_for_any_text_and_is_never_more_than_its_brackets(text: str) -> None:
    assert 0 <= depth(text) <= sum(text.count(bracket) for bracket in "([{")


def test_constraint_keeps_its_text_to_itself() -> None:
    assert "secret" not in repr(constrain(regex="secret"))
