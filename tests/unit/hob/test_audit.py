"""Whoever changes, removes, inserts or swaps a record of the audit is found, at the right place."""

from __future__ import annotations

import json

import pytest
from hob import audit
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.one_of(st.text(max_size=20), st.integers(-(2**40), 2**40), st.booleans())
FIELDS = st.dictionaries(
    st.sampled_from(["kind", "model", "uid", "outcome", "num_tokens"]), VALUES, max_size=5
)


def chain_of(*each: dict[str, object]) -> list[str]:
    lines, head = [], audit.GENESIS
    for number, fields in enumerate(each, start=1):
        record = audit.seal(dict(fields), number, head)
        head = record["hash"]
        lines.append(audit.to_line(record))
    return lines


def chain(length: int) -> list[str]:
    return chain_of(*({"kind": "request", "uid": 1000 + index} for index in range(length)))


@given(st.lists(FIELDS, max_size=8))
def test_what_was_sealed_checks_out(each: list[dict[str, object]]) -> None:
    lines = chain_of(*each)
    told = audit.check(lines, prev=audit.GENESIS)
    assert told.is_whole and told.num_records == len(each)


@given(st.lists(FIELDS, min_size=1, max_size=5), st.data())
def test_any_change_of_a_byte_is_found(each: list[dict[str, object]], data: st.DataObject) -> None:
    lines = chain_of(*each)
    which = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[which]) - 2))
    letter = data.draw(st.characters(exclude_characters=lines[which][at] + "\n"))
    lines[which] = lines[which][:at] + letter + lines[which][at + 1 :]
    told = audit.check(lines, prev=audit.GENESIS)
    assert told.faults and told.faults[0].line == which + 1


@pytest.mark.parametrize("gone", [0, 2, 3])
def test_removed_record_is_found_where_it_was(gone: int) -> None:
    lines = chain(6)
    del lines[gone]
    (fault,) = audit.check(lines, prev=audit.GENESIS).faults
    assert fault.line == gone + 1


def test_swapped_records_are_found() -> None:
    lines = chain(5)
    lines[1], lines[2] = lines[2], lines[1]
    assert [fault.line for fault in audit.check(lines, prev=audit.GENESIS).faults] == [2, 3, 4]


def test_forged_record_is_found_though_its_own_hash_is_right() -> None:
    lines = chain(4)
    forged = json.loads(lines[2])
    del forged["hash"], forged["n"], forged["prev"]
    lines[2] = audit.to_line(audit.seal({**forged, "uid": 0}, 3, json.loads(lines[1])["hash"]))
    assert [fault.line for fault in audit.check(lines, prev=audit.GENESIS).faults] == [4]


def test_cut_off_end_shows_in_the_head_alone() -> None:
    whole = audit.check(chain(5), prev=audit.GENESIS)
    cut = audit.check(chain(5)[:3], prev=audit.GENESIS)
    assert cut.is_whole and cut.head != whole.head


def test_first_line_may_be_any_record_where_older_ones_were_forgotten() -> None:
    assert audit.check(chain(5)[2:]).is_whole


@pytest.mark.parametrize("line", ["", "\n", "null\n", "[1]\n", "{}\n", '{"hash":1}\n', "[" * 100_000])
def test_odd_lines_are_no_records(line: str) -> None:
    assert audit.read_line(line) is None


def test_the_same_content_in_another_spelling_is_a_change() -> None:
    (line,) = chain(1)
    assert audit.read_line(line.replace(",", ", ")) is None
