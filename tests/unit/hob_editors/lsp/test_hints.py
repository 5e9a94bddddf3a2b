"""What was proposed is found again while it is typed, and never where it does not belong."""

from __future__ import annotations

from hob_editors.lsp.hints import MAX_TYPED, Hint, Hints
from hypothesis import given
from hypothesis import strategies as st

URI = "file:///a.py"
TEXTS = st.text(st.sampled_from("ab(\n"), max_size=30)
SAID = st.text(st.sampled_from("ab(\n"), min_size=1, max_size=30)


@given(TEXTS, TEXTS, SAID, st.data())
def test_hint_is_found_while_it_is_typed(before: str, after: str, said: str, data: st.DataObject) -> None:
    hints = Hints()
    hints.store(URI, before, after, [Hint(text=said)])
    typed = said[: data.draw(st.integers(0, len(said) - 1))]
    found = hints.find(URI, before + typed, after)
    assert found is not None and found[0].text == said[len(typed) :]


@given(TEXTS, TEXTS, SAID)
def test_hint_is_gone_when_something_else_is_typed(before: str, after: str, said: str) -> None:
    hints = Hints()
    hints.store(URI, before, after, [Hint(text=said)])
    assert hints.find(URI, before + "!", after) is None
    assert hints.find("file:///b.py", before, after) is None
    assert hints.find(URI, before, "!" + after) is None


@given(st.lists(st.tuples(TEXTS, SAID), max_size=20), st.integers(1, 5))
def test_no_more_is_kept_than_there_is_room_for(said: list[tuple[str, str]], most: int) -> None:
    hints = Hints(most)
    for before, text in said:
        hints.store(URI, before, "", [Hint(text=text)])
    assert len(hints) <= most
    if said:
        assert hints.find(URI, said[-1][0], "") is not None


def test_what_was_used_last_stays() -> None:
    hints = Hints(2)
    hints.store(URI, "a", "", [Hint(text="1")])
    hints.store(URI, "b", "", [Hint(text="2")])
    hints.find(URI, "a", "")
    hints.store(URI, "c", "", [Hint(text="3")])
    assert hints.find(URI, "a", "") and hints.find(URI, "b", "") is None


def test_that_there_is_no_hint_is_known_too() -> None:
    hints = Hints()
    hints.store(URI, "a", "", [])
    assert hints.find(URI, "a", "") == () and hints.find(URI, "ab", "") is None


def test_alternatives_that_do_not_begin_as_typed_fall_away() -> None:
    hints = Hints()
    hints.store(URI, "x = ", "", [Hint(text="one"), Hint(text="two"), Hint(text="three")])
    assert [hint.text for hint in hints.find(URI, "x = t", "") or ()] == ["wo", "hree"]


def test_very_long_hint_is_not_searched_for_ever() -> None:
    hints = Hints()
    hints.store(URI, "", "", [Hint(text="a" * 10_000)])
    assert hints.find(URI, "a" * MAX_TYPED, "") and hints.find(URI, "a" * (MAX_TYPED + 200), "") is None


def test_hint_does_not_show_its_text() -> None:
    assert "secret" not in repr(Hint(text="secret"))
