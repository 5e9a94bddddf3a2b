"""The books of shared cells: every cell counts once, and is free when its last holder lets go."""

from __future__ import annotations

import pytest
from hobd.worker.cells import Cells


@pytest.fixture
def cells() -> Cells:
    """Lane 0 holds ten cells, lane 1 the first six of them and two of its own."""
    cells = Cells(100)
    cells.extend(0, 10)
    cells.share(0, 1, 6)
    cells.extend(1, 2)
    return cells


def test_shared_cells_count_once(cells: Cells) -> None:
    assert (cells.used, cells.free, cells.length(1)) == (12, 88, 8)
    assert cells.held_by([0, 1]) == 12 and cells.held_by([1]) == 8


def test_only_own_cells_are_free_when_a_lane_is_released(cells: Cells) -> None:
    assert (cells.own(0), cells.own(1)) == (4, 2)
    cells.release(0)
    assert (cells.used, cells.own(1)) == (8, 8)
    cells.release(1)
    assert cells.used == 0
    cells.check()


def test_sharing_what_is_shared_already(cells: Cells) -> None:
    cells.share(1, 2, 7)
    cells.release(1)
    cells.check()
    assert (cells.used, cells.length(2), cells.own(2)) == (11, 7, 1)


def test_prefix_not_held_by_others_is_counted_to_the_cell(cells: Cells) -> None:
    assert cells.not_held_by([1], 0, 8) == 2
    assert cells.not_held_by([1], 0, 5) == 0
    assert cells.not_held_by([], 0, 5) == 5


def test_lane_in_use_cannot_be_a_target(cells: Cells) -> None:
    with pytest.raises(AssertionError, match="forgotten"):
        cells.share(0, 1, 3)
