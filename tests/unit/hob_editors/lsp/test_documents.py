"""Texts and places in them, against the slow and obvious way."""

from __future__ import annotations

import re

import pytest
from hob_editors.lsp.documents import STRIDE, Document, Place, index_of, split_lines, units_of
from hypothesis import given
from hypothesis import strategies as st

TEXTS = st.text(st.sampled_from("ab \n\r🦉é\x0c\u2028"), max_size=40)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])


def document(text: str) -> Document:
    return Document(uri="file:///a.py", path="/a.py", language="python", version=1, text=text)


def offset(text: str, place: Place) -> int:
    ends = [0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", text))]
    return ends[place.line] + place.index


@given(TEXTS)
def test_lines_are_the_text_and_end_where_the_protocol_says(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert len(lines) == len(re.split(r"\r\n|\n|\r", text))


@given(TEXTS, TEXTS, st.data())
def test_change_is_what_it_would_be_in_the_whole_text(text: str, new: str, data: st.DataObject) -> None:
    edited = document(text)
    places = []
    for _ in range(2):
        line = data.draw(st.integers(0, len(edited.lines) - 1))
        places.append(edited.place(line, data.draw(st.integers(0, 10)), "utf-32"))
    start, end = sorted(places)
    edited.replace(start, end, new)
    whole = text[: offset(text, start)] + new + text[offset(text, end) :]
    assert edited.lines == split_lines(whole)


@given(st.text(max_size=20), ENCODINGS, st.data())
def test_column_survives_the_way_there_and_back(line: str, encoding: str, data: st.DataObject) -> None:
    line = re.sub(r"[\r\n]", "", line)
    index = data.draw(st.integers(0, len(line)))
    assert index_of(line, units_of(line, index, encoding), encoding) == index


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_owl_is_as_wide_as_each_encoding_makes_it(encoding: str, units: int) -> None:
    assert units_of("a🦉", 2, encoding) == units


@given(TEXTS, st.integers(0, 50), st.integers(0, 50), ENCODINGS)
def test_every_column_is_somewhere(text: str, line: int, units: int, encoding: str) -> None:
    edited = document(text)
    place = edited.place(line, units, encoding)
    assert 0 <= place.index <= len(edited.lines[place.line].rstrip("\r\n"))


def test_place_after_an_insertion_is_where_typing_goes_on() -> None:
    edited = document("one\ntwo")
    assert edited.replace(Place(line=0, index=3), Place(line=0, index=3), "x\ny") == Place(line=1, index=1)


def test_gap_begins_at_the_same_line_while_one_types_on() -> None:
    edited = document("".join(f"line {number}\n" for number in range(1000)))
    firsts = {
        edited.gap(Place(line=line, index=0)).before.split("\n")[0] for line in range(512, 512 + STRIDE)
    }
    assert len(firsts) == 1


def test_gap_shows_what_is_on_both_sides() -> None:
    gap = document("a\nbc\nd").gap(Place(line=1, index=1))
    assert (gap.before, gap.after, gap.line_before, gap.line_after) == ("a\nb", "c\nd", "b", "c")
    assert "bc" not in repr(gap)
