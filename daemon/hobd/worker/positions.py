"""Where the cells of lanes stand, in models in which a picture takes fewer positions than cells.

Must stay pure. Kept by llama_engine.py, which counts cells and asks llama.cpp by positions.

Under M-RoPE all cells of a picture have the time at which it begins, and what follows stands as far behind
as the picture's longer side:

    cells       0  1  2 | 3  4  5  6  7  8 | 9  10
    positions   0  1  2 | 3  3  3  3  3  3 | 6   7        a picture of 3 x 2
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_COUNT = struct.Struct("<I")
_GRID = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Grid:
    """A picture in a lane: its first cell, how many it has, and how many positions they take."""

    start: int
    count: int
    num_positions: int

    @property
    def end(self) -> int:
        return self.start + self.count


class Positions:
    """The pictures in each lane. A lane that has none stands in step with its cells."""

    __slots__ = ("_grids",)

    def __init__(self) -> None:
        self._grids: dict[int, tuple[Grid, ...]] = {}

    def of(self, lane: int, cell: int) -> int:
        """Where this cell of a lane begins; no picture may be cut by it."""
        return cell - sum(g.count - g.num_positions for g in self.grids(lane) if g.end <= cell)

    def length(self, lane: int, last: int) -> int:
        """The cells of a lane whose last one stands at this position; -1 for none."""
        saved = 0
        for grid in self.grids(lane):
            first = grid.start - saved
            if last <= first:
                return grid.end if last == first else last + 1 + saved
            saved += grid.count - grid.num_positions
        return last + 1 + saved

    def grids(self, lane: int) -> tuple[Grid, ...]:
        return self._grids.get(lane, ())

    def note(self, lane: int, grid: Grid) -> None:
        """A picture was computed at the lane's end."""
        self._grids[lane] = (*self.grids(lane), grid)

    def fill(self, lane: int, grids: tuple[Grid, ...], count: int) -> None:
        """The lane holds the first `count` cells of one that had these pictures."""
        kept = tuple(grid for grid in grids if grid.end <= count)
        if kept:
            self._grids[lane] = kept
        else:
            self._grids.pop(lane, None)

    def cut(self, lane: int, length: int) -> None:
        self.fill(lane, self.grids(lane), length)


def pack(grids: Sequence[Grid]) -> bytes:
    """The pictures of a lane, to be put behind its cells."""
    each = (_GRID.pack(grid.start, grid.count, grid.num_positions) for grid in grids)
    return b"".join((*each, _COUNT.pack(len(grids))))


def unpack(whole: memoryview) -> tuple[tuple[Grid, ...], memoryview]:
    """The pictures behind a lane's cells, and the cells. Raises ValueError if there cannot be so many."""
    if whole.nbytes < _COUNT.size:
        raise ValueError("no number of pictures")
    end = whole.nbytes - _COUNT.size
    begin = end - _COUNT.unpack_from(whole, end)[0] * _GRID.size
    if begin < 0:
        raise ValueError("more pictures than there is room for")
    return tuple(Grid(*numbers) for numbers in _GRID.iter_unpack(whole[begin:end])), whole[:begin]
