"""The journal: beside the loop, bounded, and never in anybody's way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest
from hob_gateway import journal
from hob_gateway.journal import Journal, open_file


def test_lines_are_written_in_order(tmp_path: Path) -> None:
    written = Journal(open_file(str(tmp_path / "spans")))
    for number in range(100):
        written.write(str(number))
    written.close()
    assert (tmp_path / "spans").read_text().split() == [str(number) for number in range(100)]
    assert (tmp_path / "spans").stat().st_mode & 0o777 == 0o600


def test_file_begins_anew_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_FILE_BYTES", 100)
    written = Journal(open_file(str(tmp_path / "spans")))
    for _ in range(1000):
        written.write("x" * 20)
    written.close()
    assert (tmp_path / "spans").stat().st_size <= 100 + 21


def test_reader_that_reads_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_END_SECONDS", 0.01)
    reading, writing = os.pipe()
    stuck = Journal(writing)
    for _ in range(journal.MAX_WAITING + 100):
        stuck.write("x" * 100)
    stuck.close()
    os.close(reading)  # and the thread ends


def test_reader_that_goes_away_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    written = Journal(writing)
    written.write("x")
    written.close()
    os.close(writing)


def test_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be opened"):
        open_file(str(tmp_path / "nowhere" / "spans"))
