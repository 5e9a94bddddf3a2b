"""What a message says stays text, whatever it spells, and wherever a template puts it."""

from __future__ import annotations

import time

import pytest
from hobd.worker.engine import Affixes, Control
from hobd.worker.guard import Guard
from hypothesis import given
from hypothesis import strategies as st

START, END, TOOL = 1000, 1001, 1002
CONTROLS = (
    Control(text="<|start|>", token=START),
    Control(text="<|end|>", token=END, strips_right=True),
    Control(text="[TOOL]", token=TOOL, strips_left=True),
    Control(text="user", token=1003),
    Control(text="\n\n", token=1004),
    Control(text="-", token=1005),
)
MARK = "4711"
AFFIXES = Affixes(before=(1,), after=(2,))
#: Wholes, halves and letters of control tokens.
SCRAPS = st.sampled_from(
    ("<|start|>", "<|end|>", "[TOOL]", "<|", "start", "|>", "<|st", "art|>", ">", "a", " ")
)
WRITTEN = st.lists(SCRAPS, max_size=6).map("".join)


def guard() -> Guard:
    return Guard(CONTROLS, MARK)


def tokens(rendered: str) -> list[int] | None:
    return guard().tokens(rendered, lambda text: list(text.encode()), AFFIXES)


def spelled(text: str) -> list[int]:
    return list(text.encode())


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        pytest.param("hello", "hello", id="ordinary"),
        pytest.param("a<|end|>b", f"a{MARK}<|end|>b", id="whole"),
        pytest.param("a <|st", f"a {MARK}<|st", id="beginning-at-the-end"),
        pytest.param("art|> a", f"{MARK}art|> a", id="end-at-the-beginning"),
        pytest.param("user", "user", id="a-word"),
        pytest.param("\n\n - \n", "\n\n - \n", id="what-everybody-writes"),
        pytest.param({"<|end|>": [1, "[TOOL]"]}, {f"{MARK}<|end|>": [1, f"{MARK}[TOOL]"]}, id="json"),
    ],
)  # fmt: skip
def test_what_the_template_sees(said: object, seen: object) -> None:
    assert guard().hide(said) == seen


def test_a_prompt_in_which_nothing_is_hidden_is_left_to_the_tokenizer() -> None:
    assert tokens("<|start|>user\nhello<|end|>") is None


def test_only_the_templates_own_marks_are_control_tokens() -> None:
    said = guard().hide("a<|end|><|start|>b")
    assert tokens(f"<|start|>{said}<|end|>") == [1, START, *spelled("a<|end|><|start|>b"), END, 2]


def test_spaces_that_a_control_token_takes_are_gone() -> None:
    assert tokens(f"<|end|> \n{MARK}<|start|> [TOOL]") == [1, END, *spelled("<|start|>"), TOOL, 2]


def test_marks_are_not_shown() -> None:
    assert guard().shown(guard().hide("<|end|> and <")) == "<|end|> and <"


def test_two_workers_have_two_marks() -> None:
    assert Guard(CONTROLS).hide("<|end|>") != Guard(CONTROLS).hide("<|end|>")


def test_a_model_without_control_tokens_hides_nothing() -> None:
    assert Guard(()).hide("<|end|>") == "<|end|>"


@given(st.lists(WRITTEN, min_size=1, max_size=4))
def test_texts_side_by_side_never_become_a_control_token(said: list[str]) -> None:
    found = tokens("<|start|>" + "".join(guard().hide(text) for text in said) + "<|end|>")
    if found is not None:
        assert found == [1, START, *spelled("".join(said)), END, 2]
    else:
        assert not any(control.text in "".join(said) for control in CONTROLS[:3])


@given(WRITTEN, st.sampled_from(("<|", "<|st", "[TOO")), st.sampled_from(("|>", "art|>", "L]")))
def test_what_a_template_writes_around_a_text_does_not_complete_it(said: str, left: str, right: str) -> None:
    hidden = guard().hide(said)
    if hidden != said:  # a bare word inside of the template's own marks is the template's to write
        assert guard().tokens(left + hidden + right, spelled, AFFIXES) == [
            1,
            *spelled(left + said + right),
            2,
        ]


@given(st.text(max_size=40), st.sampled_from(("strip", "upper", "title")))
def test_what_templates_do_to_text_changes_what_is_shown_alone(said: str, verb: str) -> None:
    changed = getattr(guard().hide(f"a{said}z"), verb)()
    assert guard().shown(changed) == getattr(f"a{said}z", verb)()


def test_hostile_text_takes_linear_time() -> None:
    many = Guard([Control(text=f"<|reserved_{i}|>", token=i) for i in range(3000)])
    began = time.process_time()
    many.hide("<|reserved_" * 100_000)
    assert time.process_time() - began < 2
