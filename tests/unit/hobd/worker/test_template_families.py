"""The prompt formats of the main families: what each template makes of the same conversations.

`templates/FAMILY.txt` has the expected texts, one a section, written from the format's documentation.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hobd.worker.engine import Affixes, Control
from hobd.worker.guard import Guard
from hobd.worker.jinja import respond
from hobd.worker.renderer import Ask, Done, Failed
from hypothesis import given
from hypothesis import strategies as st

TEMPLATES = Path(__file__).parent / "templates"
TOOL = {
    "type": "function",
    "function": {
        "name": "now",
        "description": "The time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    },
}
CALL = {"type": "function", "id": "call00001", "function": {"name": "now", "arguments": {"zone": "CET"}}}


def says(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content} | more


TALKS: dict[str, dict[str, Any]] = {
    "turns": {
        "messages": [
            says("system", "Be brief."),
            says("user", " Hi "),
            says("assistant", "Hello."),
            says("user", "Bye <&> é"),
        ]
    },
    "alone": {"messages": [says("user", "Hi")]},
    "empty": {"messages": [says("user", "Hi"), says("assistant", ""), says("user", "Go on.")]},
    "continued": {
        "messages": [says("user", "Count."), says("assistant", "one, two,")],
        "continue_last": True,
    },
    "tools": {
        "messages": [
            says("user", "What time is it?"),
            says("assistant", "", tool_calls=[CALL]),
            says("tool", "12:00", tool_call_id="call00001", name="now"),
        ],
        "tools": [TOOL],
    },
    "thought": {
        "messages": [
            says("user", "Hi"),
            says("assistant", "<think>\nGreet.\n</think>\n\nHello."),
            says("user", "Bye"),
        ]
    },
    "thoughtless": {"messages": [says("user", "Hi")], "arguments": {"enable_thinking": False}},
}


def sections(family: str) -> dict[str, str]:
    parts = re.split(r"^=== (\w+)\n", (TEMPLATES / f"{family}.txt").read_text(), flags=re.MULTILINE)[1:]
    return {name: text.removesuffix("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}


FAMILIES = sorted(path.stem for path in TEMPLATES.glob("*.txt"))
CASES = [(family, name, text) for family in FAMILIES for name, text in sections(family).items()]
ALL = sorted(path.stem for path in TEMPLATES.glob("*.jinja"))


def render(
    family: str,
    messages: list[dict[str, Any]],
    *,
    tools: object = (),
    arguments: dict[str, Any] | None = None,
    continue_last: bool = False,
) -> Done | Failed:
    return respond(
        Ask(
            template=(TEMPLATES / f"{family}.jinja").read_text(),
            messages=json.dumps(messages).encode(),
            tools=json.dumps(tools).encode(),
            arguments=json.dumps({"date_string": "1 May 2025"} | (arguments or {})).encode(),
            add_generation_prompt=not continue_last,
            continue_last=continue_last,
            bos="<s>",
            eos="</s>",
        )
    )


def told(answer: Done | Failed) -> str:
    return answer.text if isinstance(answer, Done) else f"refused: {answer.detail or answer.kind}"


@pytest.mark.parametrize(("family", "name", "text"), CASES, ids=[f"{f}-{n}" for f, n, _ in CASES])
def test_family(family: str, name: str, text: str) -> None:
    assert told(render(family, **TALKS[name])) == text


ROLES = st.sampled_from(("system", "user", "assistant", "tool", "developer", "ipython", "<|im_start|>", ""))
CONTENTS = st.one_of(
    st.text(max_size=8),
    st.none(),
    st.sampled_from(("</think>", "{{ 1 }}", "{% raw %}", "<|im_end|>")),
    st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(("text", "image")), "text": st.text(max_size=4)})
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
CALLS = st.one_of(
    JSON,
    st.just([CALL]),
    st.lists(st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": JSON, "arguments": JSON})})),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": ROLES}, optional={"content": CONTENTS, "tool_calls": CALLS, "reasoning_content": JSON}
    ),
    min_size=1,
    max_size=4,
)


@given(st.sampled_from(ALL), MESSAGES, st.sampled_from(((), [TOOL], [{}])) | JSON, st.booleans())
def test_no_conversation_makes_a_template_do_worse_than_refuse(
    family: str, messages: list[dict[str, Any]], tools: object, continue_last: bool
) -> None:
    answer = render(family, messages, tools=tools, continue_last=continue_last)
    assert isinstance(answer, Done) or answer.kind not in ("syntax", "forbidden", "output")


MARKS = ("<|im_start|>", "<|im_end|>", "<|end|>", "</s>", "[INST]", "[/INST]", "<think>", "</think>")
GUARD = Guard([Control(text=text, token=-1) for text in MARKS], "471147114711")


def num_controls(family: str, said: str) -> int:
    rendered = told(render(family, GUARD.hide([says("user", f"a{said}a")])))
    tokens = GUARD.tokens(rendered, lambda text: list(text.encode()), Affixes())
    return tokens.count(-1) if tokens is not None else num_controls(family, said + "</s>")


@pytest.mark.parametrize(("family", "name", "text"), CASES, ids=[f"{f}-{n}" for f, n, _ in CASES])
def test_family_shows_the_same_of_what_is_hidden(family: str, name: str, text: str) -> None:
    talk = TALKS[name] | {"messages": GUARD.hide(TALKS[name]["messages"])}
    assert GUARD.shown(told(render(family, **talk))) == text


@pytest.mark.parametrize("family", ALL)
@given(said=st.lists(st.sampled_from((*MARKS, "<|e", "nd|>", "<|", "|>", " ")), min_size=1, max_size=4))
def test_nothing_that_is_said_in_a_family_becomes_a_control_token(family: str, said: list[str]) -> None:
    assert num_controls(family, "".join(said)) == num_controls(family, "<|im_end|>")
