"""How tools, calls and wishes about reasoning get into the prompt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hobd.worker.dialect import FAMILIES, choose

from tests.unit.hobd.worker.dialect import transcripts as t

NOW = {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object"}}}
CALL = {"type": "function", "id": "call_0123456789ab", "function": {"name": "now", "arguments": {"z": "é"}}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Time?"},
    {"role": "assistant", "content": "I look.", "tool_calls": [CALL, CALL]},
    {"role": "tool", "content": "12:00", "tool_call_id": "call_0123456789ab", "name": "now"},
    {"role": "tool", "content": "13:00", "tool_call_id": "call_0123456789ab", "name": "now"},
]
GENERIC_SYSTEM = """\
Be brief.

You can call functions. Each line between <tools> and </tools> describes one as a JSON object:
<tools>
{"name": "now", "description": "", "parameters": {"type": "object"}}
</tools>
To call one, write its name and its arguments in this form, and nothing after it:
<tool_call>
{"name": "the function's name", "arguments": {"a parameter's name": "its value"}}
</tool_call>"""
WRITTEN = '<tool_call>\n{"name": "now", "arguments": {"z": "é"}}\n</tool_call>'


def test_template_that_knows_tools_gets_everything_as_it_is() -> None:
    assert choose(t.HERMES).enter(TALK, [NOW]) == (TALK, [NOW])


def test_template_that_knows_no_tools_gets_text() -> None:
    messages, tools = choose(t.PLAIN).enter(TALK, [NOW])
    assert tools == ()
    assert messages == [
        {"role": "system", "content": GENERIC_SYSTEM},
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": f"I look.\n{WRITTEN}\n{WRITTEN}"},
        {
            "role": "user",
            "content": "<tool_response>\n12:00\n</tool_response>\n<tool_response>\n13:00\n</tool_response>",
        },
    ]


def test_system_message_is_made_where_there_is_none_and_only_for_tools() -> None:
    generic = choose(t.PLAIN)
    assert [message["role"] for message in generic.enter(TALK[1:2], [NOW])[0]] == ["system", "user"]
    assert generic.enter(TALK[:2], []) == (TALK[:2], ())


def test_unknown_way_to_write_calls_is_replaced_by_ours() -> None:
    messages, tools = choose("{% for tool in tools %}{{ tool }}{% endfor %}").enter(TALK, [NOW])
    assert tools == () and "<tools>" in messages[0]["content"]


def test_gemma_gets_tools_in_the_first_turn_of_the_users() -> None:
    messages, _ = choose(t.GEMMA).enter(TALK, [NOW])
    assert messages[0] == TALK[0]
    assert "```tool_code" in messages[1]["content"] and messages[1]["content"].endswith("\n\nTime?")


def test_mistral_gets_short_ids_that_still_belong_together() -> None:
    messages, _ = choose(t.MISTRAL).enter(TALK, [NOW])
    ids = {messages[2]["tool_calls"][0]["id"], messages[3]["tool_call_id"]}
    assert len(ids) == 1 and len(ids.pop()) == 9
    assert TALK[3]["tool_call_id"] == "call_0123456789ab"


@pytest.mark.parametrize("template", [t.PLAIN, t.GEMMA, t.MISTRAL, t.NEWER_MISTRAL, t.DEEPSEEK_R1, t.LLAMA])
def test_family_reads_the_calls_that_it_writes(template: str) -> None:
    family = choose(template)
    reader = family.reader("", frozenset({"now"}))
    assert reader is not None
    parts = reader.push(family.written("now", {"z": "é"})) + reader.flush()
    assert [part.name for part in parts if isinstance(part, t.CallBegun)] == ["now"]
    arguments = "".join(part.text for part in parts if isinstance(part, t.Arguments))
    assert json.loads(arguments) == {"z": "é"}


@pytest.mark.parametrize(
    ("template", "switched"),
    [
        ("{% if enable_thinking %}</think>", {"enable_thinking": False}),
        ("{% if thinking %}</think>", {"thinking": False}),
        (t.HARMONY, {"reasoning_effort": "low"}),
        (t.PLAIN, {}),
    ],
    ids=["qwen", "deepseek", "gpt-oss", "none"],
)
def test_reasoning_is_turned_off_by_the_templates_own_name_for_it(
    template: str, switched: dict[str, Any]
) -> None:
    assert choose(template).arguments(False) == switched


@pytest.mark.parametrize(
    ("template", "knows"),
    [
        ("{%- if loop.index % 2 and tools %}", True),
        ("{{ {'a': tools} }}", True),
        ("{% if x %} tools {% endif %}", False),
        ("{{ my_tools }}", False),
    ],
)
def test_template_knows_tools_when_it_uses_the_variable(template: str, knows: bool) -> None:
    assert choose(t.HERMES.replace("tools", "") + template).knows_tools is knows


def test_families_are_told_from_their_templates() -> None:
    templates = (t.HARMONY, t.DEEPSEEK_R1, t.MISTRAL, t.HERMES, t.LLAMA, t.GEMMA, t.PLAIN)
    assert tuple(type(choose(template)) for template in templates) == FAMILIES
