"""Templates in the style of the main families render as their authors mean, and faults are told by kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hobd.worker.jinja import respond
from hobd.worker.renderer import Ask, Done, Failed

TEMPLATES = Path(__file__).parent / "templates"
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " Hi "},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Bye <&> é"},
]
TOOL = {"type": "function", "function": {"name": "now", "description": "Läuft <a>", "parameters": {}}}
TOOL_TALK = [
    {"role": "user", "content": "What time is it?"},
    {"role": "assistant", "tool_calls": [{"function": {"name": "now", "arguments": {"zone": "CET"}}}]},
    {"role": "tool", "content": "12:00"},
]
EXPECTED = {
    "chatml": (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye <&> é<|im_end|>\n"
        "<|im_start|>assistant\n"
    ),
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nBye <&> é<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "mistral": "<s>[INST]  Hi [/INST] Hello.</s>[INST] Be brief.\n\nBye <&> é[/INST]",
    "gemma": (
        "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        "<start_of_turn>user\nBye <&> é<end_of_turn>\n<start_of_turn>model\n"
    ),
}
TOOL_TEXT = (
    "<|im_start|>system\n# Tools\n\nYou may call one or more functions.\n\n<tools>\n"
    '{"type": "function", "function": {"name": "now", "description": "Läuft <a>", "parameters": {}}}'
    "\n</tools>\n\nReturn <tool_call></tool_call> with a JSON object.<|im_end|>\n"
    "<|im_start|>user\nWhat time is it?<|im_end|>\n"
    "<|im_start|>assistant\n"
    '<tool_call>\n{"name": "now", "arguments": {"zone": "CET"}}\n</tool_call><|im_end|>\n'
    "<|im_start|>user\n<tool_response>\n12:00\n</tool_response><|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>\n\n"
)


def family(name: str) -> str:
    return (TEMPLATES / f"{name}.jinja").read_text()


def ask(
    template: str,
    messages: object = TALK,
    *,
    tools: object = (),
    arguments: object = None,
    continue_last: bool = False,
) -> Done | Failed:
    return respond(
        Ask(
            template=template,
            messages=json.dumps(messages).encode(),
            tools=json.dumps(tools).encode(),
            arguments=json.dumps(arguments or {}).encode(),
            add_generation_prompt=not continue_last,
            continue_last=continue_last,
            bos="<s>",
            eos="</s>",
        )
    )


def text(answer: Done | Failed) -> str:
    assert isinstance(answer, Done), answer.kind
    return answer.text


def fault(answer: Done | Failed) -> Failed:
    assert isinstance(answer, Failed)
    return answer


@pytest.mark.parametrize("name", EXPECTED)
def test_family(name: str) -> None:
    assert text(ask(family(name))) == EXPECTED[name]


def test_tools_and_arguments_reach_the_template() -> None:
    answer = ask(family("qwen_tools"), TOOL_TALK, tools=[TOOL], arguments={"enable_thinking": False})
    assert text(answer) == TOOL_TEXT


def test_no_tools_are_none() -> None:
    assert text(ask("{{ tools is none }}")) == "True"


@pytest.mark.parametrize("name", ["chatml", "llama3", "mistral", "gemma", "qwen_tools"])
def test_continuing_ends_with_the_last_message(name: str) -> None:
    talk = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "one, two,"}]
    rendered = text(ask(family(name), talk, continue_last=True))
    assert rendered.endswith("one, two,")
    assert "Count." in rendered


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{{ messages[-1].content }}", "one ", id="kept"),
        pytest.param("{{ messages[-1].content | trim }}", "one", id="trimmed"),
    ],
)
def test_last_spaces_of_a_continued_message_follow_the_template(template: str, expected: str) -> None:
    talk = [{"role": "assistant", "content": "one "}]
    assert text(ask(template + "<end>one<end>", talk, continue_last=True)) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param("nothing of it", {"role": "assistant", "content": "one"}, id="left-out"),
        pytest.param("{{ messages }}", {"role": "assistant", "tool_calls": []}, id="no-text"),
    ],
)
def test_a_message_that_cannot_be_continued(template: str, message: dict[str, Any]) -> None:
    assert fault(ask(template, [message], continue_last=True)).kind == "continue"


def test_text_parts_become_one_string() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert text(ask("{{ messages[0].content }}", [{"role": "user", "content": parts}])) == "ab"


@pytest.mark.parametrize(
    "template",
    [
        "{% for p in messages[0].content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}",
        "{{ messages[0].content }}{# of any type #}",
        "{% set c = messages[0].content %}{{ c if c is string else c[0]['text'] if c[0].type == 'text' }}",
        "{{ raise_exception('no type of its own') if messages | length != 2 }}{{ messages[0].content }}",
    ],
    ids=["parts alone", "text alone", "both", "particular"],
)
def test_text_is_shown_by_templates_that_want_parts_too(template: str) -> None:
    message = {"role": "user", "content": "is it seen?"}
    assert text(ask(template, [message, message])) == "is it seen?"


def test_parts_with_media_stay_parts() -> None:
    parts = [{"type": "image"}, {"type": "text", "text": "b"}]
    rendered = text(ask(family("gemma"), [{"role": "user", "content": parts}]))
    assert rendered == "<s><start_of_turn>user\n<start_of_image>b<end_of_turn>\n<start_of_turn>model\n"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param("{% for m in messages %}{% break %}{% endfor %}x", "x", id="loop-controls"),
        pytest.param("{% generation %}{{ eos_token }}{% endgeneration %}", "</s>", id="generation"),
        pytest.param("{{ strftime_now('%%') }}", "%", id="strftime_now"),
        pytest.param("{{ {'b': '<é>', 'a': 1} | tojson }}", '{"b": "<é>", "a": 1}', id="tojson"),
        pytest.param("{{ [1] | tojson(indent=2) }}", "[\n  1\n]", id="tojson-indent"),
        pytest.param("  {% if true %}\nx\n  {% endif %}\ny", "x\ny", id="trimmed-blocks"),
        pytest.param("{{ unknown }}", "", id="undefined-prints-nothing"),
    ],
)
def test_language(template: str, expected: str) -> None:
    assert text(ask(template)) == expected


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        pytest.param("{{ ''.__class__.__mro__ }}", "forbidden", id="class"),
        pytest.param("{{ messages.append(1) }}", "forbidden", id="change-of-the-input"),
        pytest.param("{{ cycler.__init__.__globals__.os }}", "forbidden", id="globals"),
        pytest.param("{{ unknown.field }}", "undefined", id="undefined"),
        pytest.param("{{ 1 / 0 }}", "failed", id="arithmetic"),
        pytest.param("{{ '\\ud800' }}", "failed", id="half-a-surrogate"),
        pytest.param("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "failed", id="recursion"),
        pytest.param("{% for i in range(100000) %}{{ 'a' * 100 }}{% endfor %}", "output", id="output"),
        pytest.param("{{ '€' * 2000000 }}", "output", id="output-counts-bytes"),
    ],
)
def test_fault(template: str, kind: str) -> None:
    assert fault(ask(template)).kind == kind


def test_syntax_error_names_the_line() -> None:
    assert fault(ask("a\n{% nonsense %}")) == Failed(kind="syntax", line=2)


def test_raised_words_are_passed_on() -> None:
    assert fault(ask("{{ raise_exception('Alternate!') }}")) == Failed(kind="raised", detail="Alternate!")


@pytest.mark.parametrize("messages", ["hi", [], ["hi"], {}], ids=["text", "empty", "list-of-text", "object"])
def test_messages_of_another_shape(messages: object) -> None:
    assert fault(ask("x", messages)).kind == "messages"


def test_arguments_of_another_shape() -> None:
    assert fault(ask("x", arguments=[1])).kind == "arguments"


def test_an_argument_cannot_replace_the_messages() -> None:
    assert fault(ask("x", arguments={"messages": []})) == Failed(kind="reserved", detail="messages")


@pytest.mark.parametrize("data", [b"{", b'"\xff"', b"[NaN]"], ids=["cut-off", "not-utf-8", "nan"])
def test_input_that_is_no_json(data: bytes) -> None:
    broken = Ask(
        template="x",
        messages=data,
        tools=b"",
        arguments=b"",
        add_generation_prompt=True,
        continue_last=False,
        bos="",
        eos="",
    )
    assert fault(respond(broken)).kind == "json"
