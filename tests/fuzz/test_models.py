"""No model file, however broken, harms who reads its header or who loads it: a short run of the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.gguf_files import File, parse
from tests.fuzz.models import draw, judge_loading, judge_reading, whole_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    return whole_files(tmp_path_factory.mktemp("whole"))


def test_no_file_harms_reader_or_vetting(files: list[File]) -> None:
    ends = judge_reading(files, 7, range(4000))
    assert not ends.faults
    assert min(ends.counted[end] for end in ("unreadable", "serious", "suspicious", "clean")) > 50


@pytest.mark.model
def test_no_file_harms_the_broker_though_vetting_lets_all_pass(files: list[File], tmp_path: Path) -> None:
    ends = judge_loading(files, 7, range(24), tmp_path, at_once=1)
    assert not ends.faults and not ends.deadly
    assert ends.counted.total() == 24


def test_same_number_is_the_same_file(files: list[File]) -> None:
    assert [draw(files, 3, number) for number in range(50)] == [
        draw(files, 3, number) for number in range(50)
    ]
    assert draw(files, 3, 1) != draw(files, 4, 1)


def test_files_are_taken_apart_without_loss(tmp_path: Path) -> None:
    for file in whole_files(tmp_path):
        assert parse(file.written()) == file
