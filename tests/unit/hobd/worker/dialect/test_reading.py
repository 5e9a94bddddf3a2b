"""What the families' readers find, however an answer is cut; nothing that a model says makes them raise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hobd.worker.dialect import FAMILIES, choose
from hobd.worker.dialect.parts import Arguments, CallBegun, Part, Said
from hobd.worker.dialect.reading import Reader
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hobd.worker.dialect.transcripts import HERMES, NAMES, NO_CALLS, TRANSCRIPTS, Transcript

TEMPLATES = sorted({transcript.template for transcript in TRANSCRIPTS.values()})
#: Pieces of markup, so that random answers are nearly well-formed ones.
MARKUP = sorted(
    {mark for template in TEMPLATES for mark in choose(template).marks}
    | {
        '{"name": "get_time", "arguments": ',
        '{"a": [1, "}"]}',
        "}",
        "]",
        ";",
        " ",
        "\n",
        '"',
        "\\",
        "get_time",
    }
    | {"```tool_code\n", "```", "analysis", "final", " to=functions.get_time", '"arguments"', ":", ",", "x"}
)
answers = st.lists(st.sampled_from(MARKUP) | st.text(max_size=3), max_size=12).map("".join)


def given_reader(template: str, prompt: str = "") -> Reader:
    reader = choose(template).reader(prompt, NAMES)
    assert reader is not None
    return reader


def read(reader: Reader, pieces: list[str]) -> list[Part]:
    return merged([part for piece in pieces for part in reader.push(piece)] + reader.flush())


def merged(parts: list[Part]) -> list[Part]:
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Arguments) and isinstance(last, Arguments):
            found[-1] = Arguments(last.text + part.text)
        elif isinstance(part, Said) and isinstance(last, Said) and part.is_reasoning == last.is_reasoning:
            found[-1] = Said(last.text + part.text, part.is_reasoning)
        else:
            found.append(part)
    return found


def cuts(text: str, at: set[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in at), len(text)]
    return [text[left:right] for left, right in pairwise(edges)]


@pytest.mark.parametrize("transcript", TRANSCRIPTS.values(), ids=TRANSCRIPTS)
def test_transcript_is_read_as_its_family_means_it(transcript: Transcript) -> None:
    assert read(given_reader(transcript.template, transcript.prompt), [transcript.answer]) == transcript.parts


@pytest.mark.parametrize(("template", "answer"), NO_CALLS.values(), ids=NO_CALLS)
def test_what_is_no_call_stays_text(template: str, answer: str) -> None:
    assert read(given_reader(template, "<|start|>assistant"), [answer]) == [Said(answer)]


@given(transcript=st.sampled_from(list(TRANSCRIPTS.values())), at=st.sets(st.integers(0, 500)))
def test_transcript_may_be_cut_anywhere(transcript: Transcript, at: set[int]) -> None:
    reader = given_reader(transcript.template, transcript.prompt)
    assert read(reader, cuts(transcript.answer, at)) == transcript.parts


@given(template=st.sampled_from(TEMPLATES), answer=answers, at=st.sets(st.integers(0, 500)))
def test_any_answer_is_read_the_same_however_it_is_cut(template: str, answer: str, at: set[int]) -> None:
    whole = read(given_reader(template), [answer])
    assert read(given_reader(template), cuts(answer, at)) == whole


@given(template=st.sampled_from(TEMPLATES), answer=answers)
def test_nothing_is_said_that_the_model_did_not_say(template: str, answer: str) -> None:
    said = "".join(part.text for part in read(given_reader(template), [answer]) if isinstance(part, Said))
    rest = iter(answer)
    assert all(character in rest for character in said)


@given(template=st.sampled_from(TEMPLATES), answer=answers)
def test_every_piece_of_arguments_belongs_to_a_tool_that_was_offered(template: str, answer: str) -> None:
    is_open = False
    for part in read(given_reader(template), [answer]):
        assert not isinstance(part, CallBegun) or part.name in NAMES
        assert is_open or not isinstance(part, Arguments)
        is_open = isinstance(part, CallBegun | Arguments)


@given(text=st.text())
def test_reader_of_an_answer_without_markup_changes_nothing(text: str) -> None:
    text = text.replace("<", "")
    assert read(given_reader(HERMES), [text]) == ([Said(text)] if text else [])


def test_no_call_is_looked_for_where_no_tool_is_offered() -> None:
    reader = choose(HERMES).reader("", frozenset())
    answer = TRANSCRIPTS["hermes writes arguments first"].answer
    assert reader is not None and read(reader, [answer]) == [Said(answer)]


def test_model_that_neither_thinks_nor_has_tools_needs_no_reader() -> None:
    assert choose("{{ messages }}").reader("", frozenset()) is None


def test_long_answer_that_never_closes_is_read_in_linear_time() -> None:
    opening = '<tool_call>{"k": ['
    assert read(given_reader(HERMES), [opening * 3000]) == [Said(opening * 3000)]


@pytest.mark.parametrize("template", TEMPLATES)
def test_only_one_family_is_chosen_and_the_last_takes_any(template: str) -> None:
    assert type(choose(template)) in FAMILIES and FAMILIES[-1].speaks("")
