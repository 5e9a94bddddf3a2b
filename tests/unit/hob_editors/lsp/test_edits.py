"""From a selection to a question, and from an answer to an edit."""

from __future__ import annotations

import pytest
from hob_editors.lsp.documents import Document, Place
from hob_editors.lsp.edits import Edit, Selection, Wish, comment, dedent, edits, messages, reindent, select
from hypothesis import given
from hypothesis import strategies as st

CODE = "class Owl:\n    def hoot(self):\n        return hoo\n\nprint(hoo)\n"
TEXTS = st.text(st.sampled_from("a \t\n"), max_size=30)


@pytest.fixture
def document() -> Document:
    return Document(uri="file:///a.py", path="/a.py", language="python", version=1, text=CODE)


def selected(document: Document, wish: Wish) -> Selection:
    selection = select(document, Place(line=1, index=6), Place(line=2, index=15), wish)
    assert selection is not None
    return selection


def made(document: Document, wish: Wish, answer: str) -> list[Edit]:
    return edits(wish, selected(document, wish), answer, document)


def test_selection_is_whole_lines_and_told_without_indentation(document: Document) -> None:
    asked = messages(Wish.FIX, selected(document, Wish.FIX))[1]["content"]
    assert "```python\ndef hoot(self):\n    return hoo\n```" in asked and "class Owl:" in asked


@pytest.mark.parametrize("wish", [Wish.FIX, Wish.DOCUMENT])
def test_answer_takes_the_place_and_the_indentation(document: Document, wish: Wish) -> None:
    (edit,) = made(document, wish, "Sure!\n```python\ndef hoot(self):\n    return 1\n```\nDone.")
    assert edit.text == "    def hoot(self):\n        return 1"
    assert (edit.start, edit.end) == (Place(line=1, index=0), Place(line=2, index=18))


def test_explanation_becomes_a_comment_above(document: Document) -> None:
    (edit,) = made(document, Wish.EXPLAIN, "It hoots.")
    assert edit.text == "    # It hoots.\n" and edit.start == edit.end == Place(line=1, index=0)


def test_tests_come_at_the_end(document: Document) -> None:
    (edit,) = made(document, Wish.TESTS, "```\ndef test_hoot(): ...\n```")
    assert edit.text == "\n\ndef test_hoot(): ...\n" and edit.start == Place(line=5, index=0)


def test_name_is_changed_as_a_word_in_the_selection_alone(document: Document) -> None:
    selection = select(document, Place(line=2, index=15), Place(line=2, index=18), Wish.RENAME)
    assert selection is not None and selection.old_name == "hoo"
    (edit,) = edits(Wish.RENAME, selection, "`cry`", document)
    assert edit == Edit(start=Place(line=2, index=15), end=Place(line=2, index=18), text="cry")


@pytest.mark.parametrize("wish", Wish)
def test_empty_answer_changes_nothing(document: Document, wish: Wish) -> None:
    assert made(document, wish, " \n") == []


@given(TEXTS, st.sampled_from(["", "  ", "\t"]))
def test_indentation_can_be_taken_and_given(text: str, indent: str) -> None:
    _, bare = dedent(text)
    assert dedent(reindent(bare, indent))[1] == bare
    assert dedent(bare)[0] == ""


@given(st.text(max_size=200), st.sampled_from(["python", "rust", "lua"]))
def test_every_line_of_an_explanation_is_a_comment(said: str, language: str) -> None:
    mark = {"python": "#", "rust": "//", "lua": "--"}[language]
    assert all(line.startswith(f"  {mark}") for line in comment(said, "  ", language).split("\n")[:-1])
