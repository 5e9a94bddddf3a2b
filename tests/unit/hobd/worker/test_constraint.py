"""Whatever a grammar allows conforms, and no reason for a refusal has a word of the grammar in it."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema
import pytest
from hobd.wire.messages import Constraint
from hobd.worker.constraint import Grammars
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemas import schemas

END = 256
BYTES = Vocabulary([bytes([byte]) for byte in range(256)] + [b"<end>"], [END], [END])
GRAMMARS = Grammars(lambda: BYTES, lambda text: list(text.encode()))


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


def test_model_without_an_end_is_refused() -> None:
    endless = Grammars(lambda: Vocabulary([b"a"], [], []), lambda text: [0])
    with pytest.raises(ConstraintUnusable, match="no token that ends an answer"):
        endless.matcher(Constraint("json", ""))


def test_tokenizer_that_adds_a_space_does_not_spoil_what_is_forced() -> None:
    spaced = Grammars(lambda: BYTES, lambda text: list(f" {text}".encode()))
    matcher, _ = spaced.matcher(Constraint("regex", "abc"))
    assert [matcher.compute_bitmask() and matcher.consume_token(byte) for byte in b"abc"] == [True] * 3
