"""What of an answer belongs into the gap."""

from __future__ import annotations

import pytest
from hob_editors.lsp.documents import Document, Gap, Place
from hob_editors.lsp.trimming import (
    first_line,
    first_word,
    overlap_with,
    trim,
    unopened,
    wants_many_lines,
    without_circle,
)
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.sampled_from("ab(){}\n "), max_size=20)


def gap(text: str) -> Gap:
    """The place is where the bar is."""
    before, after = text.split("|")
    document = Document(uri="", path="", language="", version=1, text=before + after)
    lines = before.split("\n")
    return document.gap(Place(line=len(lines) - 1, index=len(lines[-1])))


@pytest.mark.parametrize(
    ("text", "many"),
    [
        ("def f():\n    |", True),
        ("if x {|", True),
        ("x = |", False),
        ("x = | + 1", False),
        ("f(|)", True),
        ("    | + 1", False),
    ],
)
def test_line_decides_whether_more_lines_are_wanted(text: str, many: bool) -> None:
    assert wants_many_lines(gap(text), "auto") is many


def test_setting_decides_except_in_the_middle_of_a_line() -> None:
    assert wants_many_lines(gap("x = |"), "always") and not wants_many_lines(gap("    |"), "never")
    assert not wants_many_lines(gap("x = | + 1"), "always")


@pytest.mark.parametrize(
    ("text", "answer", "hint", "num_replaced"),
    [
        ("print(|)", "foo()", "foo()", 0),
        ("print(|)", "x)", "x", 0),
        ("f(|)", "n): pass", "n): pass", 1),
        ("x = |\nreturn x", "1\nreturn x", "1", 0),
        ("x = | + total", "y + total", "y", 0),
        ("x = |", "   ", "", 0),
        ("def f(x):\n    |", "def f(x):\n    return x", "return x", 0),
        ("    print(|", "print(1", "1", 0),
        ("x = |", "```python\n1\n```", "1", 0),
    ],
)
def test_answer_becomes_what_is_missing(text: str, answer: str, hint: str, num_replaced: int) -> None:
    trimmed = trim(answer, gap(text), many_lines=False)
    assert (trimmed.text, trimmed.num_replaced) == (hint, num_replaced)


def test_model_that_writes_on_what_follows_is_cut_there() -> None:
    trimmed = trim("a = 1\nreturn a\n\ndef g", gap("def f():\n    |\nreturn a\n"), many_lines=True)
    assert trimmed.text == "a = 1"


@given(TEXTS, TEXTS, st.booleans())
def test_hint_is_how_the_answer_begins_less_what_follows(answer: str, after: str, many: bool) -> None:
    around = gap("x = |" + after)
    hint = trim(answer, around, many_lines=many)
    assert answer.startswith(hint.text) and (many or "\n" not in hint.text)
    assert hint.num_replaced in (0, len(around.line_after))
    first = answer.split("\n")[0]
    assert many or len(hint.text) <= len(first) - overlap_with(first, around.after)


@given(TEXTS)
def test_parts_that_are_accepted_make_up_the_hint(text: str) -> None:
    for part in (first_word, first_line):
        left, steps = text, 0
        while left:
            taken = part(left)
            assert taken and left.startswith(taken)
            left, steps = left[len(taken) :], steps + 1
        assert steps <= len(text)


@pytest.mark.parametrize(("text", "alone"), [("f(x))", ")"), ("[a]}", "}"), ("()", ""), ('a")', '")')])
def test_closing_that_nothing_opened_is_found(text: str, alone: str) -> None:
    assert unopened(text) == alone


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("a, b):\n    return a" + " + b + a" * 9, "a, b):"),
        ("a):\n" + "    print(a)\n" * 9, "a):\n    print(a)"),
        ("a" + " + b + a" * 9, ""),
        ("a, b):\n    return a + b + a + b", "a, b):\n    return a + b + a + b"),
        ("a=[" + "0, " * 9 + "0]):\n    # " + "-" * 40, "a=[" + "0, " * 9 + "0]):\n    # " + "-" * 40),
    ],
    ids=["in a line", "of lines", "at once", "twice", "numbers and rulers"],
)
def test_model_that_goes_round_in_circles_is_cut_before(answer: str, kept: str) -> None:
    assert trim(answer, gap("def f(|"), many_lines=True).text == kept


@given(st.text(st.sampled_from("ab (\n"), max_size=400))
def test_any_text_is_looked_through_soon_and_only_shortened(text: str) -> None:
    assert text.startswith(without_circle(text))
