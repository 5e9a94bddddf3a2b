"""A grammar may do what it likes to the process that tries it: the worker gets a sentence, and goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hobd.wire.messages import Constraint
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.template import Renderer, start_renderer

CHAIN = "start: r0\n" + "\n".join(f"r{i}: r{i + 1}" for i in range(5000)) + '\nr5000: "a"'
REFS = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(6000)} | {"a6000": {"type": "null"}}
BOMBS = {
    "60,000 brackets in Lark": ("lark", "start: " + "(" * 60_000),
    "60,000 brackets in GBNF": ("gbnf", "root ::= " + "(" * 60_000),
    "60,000 brackets in a regex": ("regex", "(" * 60_000 + "a" + ")" * 60_000),
    "60,000 levels of a schema": ("json_schema", '{"items":' * 60_000 + "{}" + "}" * 60_000),
    "chain of rules": ("lark", CHAIN),
    "chain of references": ("json_schema", json.dumps({"$ref": "#/$defs/a0", "$defs": REFS})),
    "endless intersection": ("lark", "start: R\nR: " + " & ".join(f"/.*w{i}.*/" for i in range(30))),
    "endless division": ("json_schema", '{"type": "integer", "multipleOf": 123456789}'),
    "nothing but itself": ("json_schema", '{"$ref": "#"}'),
}


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    renderer = start_renderer()
    yield renderer
    renderer.close()


@pytest.mark.parametrize(("kind", "text"), BOMBS.values(), ids=BOMBS)
def test_bomb_is_refused_soon_and_the_next_grammar_is_tried(renderer: Renderer, kind: Any, text: str) -> None:
    renderer.rehearse(Constraint("json", ""))
    began = time.monotonic()
    with pytest.raises(ConstraintUnusable, match=f"response_format.{kind} ") as caught:
        renderer.rehearse(Constraint(kind, text))
    assert time.monotonic() - began < 5 and len(str(caught.value)) < 200
    renderer.rehearse(Constraint("choice", '["a", "b"]'))


def test_reason_comes_back_from_the_other_process(renderer: Renderer) -> None:
    with pytest.raises(ConstraintUnusable, match="unclosed group"):
        renderer.rehearse(Constraint("regex", "("))


def test_templates_are_rendered_by_the_process_that_tried_a_grammar(renderer: Renderer) -> None:
    renderer.rehearse(Constraint("regex", "a+"))
    rendered = renderer.render(
        "{{ messages[0].content }}",
        b'[{"role": "user", "content": "hi"}]',
        b"[]",
        b"{}",
        add_generation_prompt=True,
        continue_last=False,
        bos="",
        eos="",
    )
    assert rendered == "hi"
