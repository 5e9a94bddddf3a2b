"""Cells and positions of lanes with pictures in them, against a lane that is written out."""

from __future__ import annotations

from hobd.worker.positions import Grid, Positions
from hypothesis import given
from hypothesis import strategies as st

#: Runs of words, and pictures by their sides.
lanes = st.lists(st.integers(1, 9) | st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=8)


def write(positions: Positions, pieces: list[int | tuple[int, int]]) -> tuple[list[int], set[int]]:
    """The position of each cell, and the cells that lie inside a picture."""
    times: list[int] = []
    inside: set[int] = set()
    place = 0
    for piece in pieces:
        if isinstance(piece, int):
            times += range(place, place + piece)
            place += piece
        else:
            columns, rows = piece
            positions.note(0, Grid(len(times), columns * rows, max(piece)))
            inside |= set(range(len(times) + 1, len(times) + columns * rows))
            times += [place] * columns * rows
            place += max(piece)
    return [*times, place], inside


@given(lanes)
def test_every_cell_that_cuts_no_picture_stands_where_it_was_written(
    pieces: list[int | tuple[int, int]],
) -> None:
    positions = Positions()
    times, inside = write(positions, pieces)
    cells = [cell for cell in range(len(times)) if cell not in inside]
    assert [positions.of(0, cell) for cell in cells] == [times[cell] for cell in cells]


@given(lanes, st.integers(0, 60))
def test_length_is_told_from_the_last_position_after_every_cut(
    pieces: list[int | tuple[int, int]], count: int
) -> None:
    positions = Positions()
    times, inside = write(positions, pieces)
    count = max(c for c in range(min(count, len(times) - 1) + 1) if c not in inside)
    positions.cut(0, count)
    assert positions.length(0, times[count - 1] if count else -1) == count


@given(lanes, st.integers(0, 60))
def test_shared_lane_stands_as_the_one_it_came_from(pieces: list[int | tuple[int, int]], count: int) -> None:
    positions = Positions()
    times, inside = write(positions, pieces)
    count = max(c for c in range(min(count, len(times) - 1) + 1) if c not in inside)
    positions.fill(1, positions.grids(0), count)
    assert positions.of(1, count) == times[count]
    positions.cut(0, 0)
    assert positions.of(1, count) == times[count] and positions.of(0, 5) == 5
