"""Whatever a grammar allows conforms, and no reason for a refusal has a word of the grammar in it."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import jsonschema
import pytest
from hobd.wire.messages import Constraint
from hobd.worker.constraint import Grammars
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.lexicon import Lexicon
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemas import schemas

END = 256
BYTES = Lexicon([bytes([byte]) for byte in range(256)] + [b"<end>"], [END], [END])
GRAMMARS = Grammars(lambda: BYTES)


def walk(constraint: Constraint, seed: int = 0, most: int = 4000) -> bytes:
    """An answer of a model that thinks every byte equally likely: all that can go wrong will."""
    matcher, end = GRAMMARS.matcher(constraint)
    dice = random.Random(seed)
    answer = b""
    for _ in range(most):
        mask = matcher.compute_bitmask()
        allowed = [token for token in range(END + 1) if mask[token // 8] >> token % 8 & 1]
        token = dice.choice(allowed)
        assert matcher.consume_token(token), matcher.get_error()
        if token == end:
            return answer
        answer += bytes([token])
    raise AssertionError("the answer has no end")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("regex", "[0-9]{3}-[a-z]{2}", r"[0-9]{3}-[a-z]{2}"),
        ("regex", "a/b|\\n", "a/b|\n"),
        ("choice", '["yes", "yes, but", "é\\"\\n"]', 'yes|yes, but|é"\n'),
        ("gbnf", 'root ::= "x" word\nword ::= [a-c]{2} | "\\n"', "x([a-c]{2}|\n)"),
        ("lark", 'start: "a" TAIL\nTAIL: /[xy]{1,3}/', "a[xy]{1,3}"),
    ],
    ids=["regex", "regex with a slash", "choice", "gbnf", "lark"],
)
def test_answer_of_each_kind_conforms(kind: Any, text: str, expected: str, seed: int) -> None:
    assert re.fullmatch(expected, walk(Constraint(kind, text), seed).decode())


@pytest.mark.parametrize("seed", range(4))
def test_any_json_is_json(seed: int) -> None:
    json.loads(walk(Constraint("json", ""), seed))


@settings(deadline=None, max_examples=60)
@given(schema=schemas(), seed=st.integers(0, 1 << 30))
def test_answer_to_any_schema_validates(schema: dict[str, Any], seed: int) -> None:
    answer = walk(Constraint("json_schema", json.dumps(schema)), seed)
    jsonschema.validate(json.loads(answer), schema)


@settings(deadline=None, max_examples=200)
@given(choices=st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_answer_is_one_of_any_choices_to_the_letter(choices: list[str], seed: int) -> None:
    assert walk(Constraint("choice", json.dumps(choices)), seed).decode() in choices


REFUSED = {
    "no json": ("json_schema", '{"secret', "it is not JSON"),
    "bad json": ("json_schema", '{"secret" 1}', "it is not JSON at byte 10"),
    "no schema": ("json_schema", '["secret"]', "a schema is an object or a boolean"),
    "nothing fits": ("json_schema", "false", "cannot be used"),
    "keyword": ("json_schema", '{"not": {"const": "secret"}}', r"keywords that are not supported \(not\)"),
    "type": ("json_schema", '{"type": "secret"}', "Invalid type"),
    "dead $ref": ("json_schema", '{"$ref": "#/secret"}', "a \\$ref leads nowhere"),
    "$ref outside": ("json_schema", '{"$ref": "http://secret/"}', "a \\$ref leads out of it"),
    "two values": ("json_schema", '{}}, {"x": {}', "it is not JSON"),
    "number": ("json_schema", '{"const": 1e999}', "it is not JSON"),
    "surrogate": ("json_schema", r'{"const": "\ud800"}', "it is not JSON"),
    "regex": ("regex", "(secret", "this fault: unclosed group"),
    "look-around": ("regex", "(?=secret)", "look-around"),
    "gbnf": ("gbnf", 'root ::= "secret"\nnext ::= (', "it is not GBNF, see line 2"),
    "gbnf name": ("gbnf", "root ::= secret", "it is not GBNF"),
    "lark name": ("lark", "start: a\na: secret", "a name that it does not define at line 2, column 4"),
    "lark token": ("lark", "start: <secret>", "unknown special token"),
    "lark as json": ("lark", '{"grammars": [{"json_schema": {}}]}', "cannot be used"),
}


@pytest.mark.parametrize(("kind", "text", "reason"), REFUSED.values(), ids=REFUSED)
def test_faulty_grammar_is_refused_with_a_reason_and_not_a_word_of_it(
    kind: Any, text: str, reason: str
) -> None:
    with pytest.raises(ConstraintUnusable, match=reason) as caught:
        GRAMMARS.matcher(Constraint(kind, text))
    message = str(caught.value)
    assert message.startswith(f"response_format.{kind} ") and "secret" not in message
    assert message.isprintable() and len(message) < 200 and caught.value.__context__ is None


PARTS = [*'|:()[]{}<>/"*+~&@%#\\\n ,.', "secret", "start", "root ::= ", "json", '"a"', "$ref", "type", "&&"]


@settings(deadline=None, max_examples=300)
@given(
    kind=st.sampled_from(["json_schema", "regex", "gbnf", "lark"]),
    parts=st.lists(st.sampled_from(PARTS), max_size=12),
)
def test_no_reason_has_a_word_of_any_grammar(kind: Any, parts: list[str]) -> None:
    try:
        GRAMMARS.matcher(Constraint(kind, "".join(parts)))
    except ConstraintUnusable as error:
        assert "secret" not in str(error) and str(error).isprintable() and len(str(error)) < 200


def test_model_without_an_end_is_refused() -> None:
    endless = Grammars(lambda: Lexicon([b"a"], [], []))
    with pytest.raises(ConstraintUnusable, match="no token that ends an answer"):
        endless.matcher(Constraint("json", ""))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("regex", "x{3}(a?){5000}a{5000}"),
        ("json_schema", json.dumps({"const": "word " * 50_000})),
        ("lark", '%llguidance {"no_forcing": false}\nstart: /x{3}(a?){5000}a{5000}/'),
    ],
    ids=["regex", "schema", "lark that asks for it"],
)
def test_step_does_not_look_ahead_without_end(kind: Any, text: str) -> None:
    matcher, _ = GRAMMARS.matcher(Constraint(kind, text))
    began = time.process_time()
    for _ in range(20):
        mask = matcher.compute_bitmask()
        matcher.consume_token(next(t for t in range(END) if mask[t // 8] >> t % 8 & 1))
    assert time.process_time() - began < 0.5 and not matcher.is_error()
