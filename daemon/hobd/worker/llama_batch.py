"""What one `llama_decode` is given: tokens of many lanes, or embeddings of one lane's view.

Must own the memory that llama.cpp reads until the decode returns. Made and filled by llama_engine.py.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hobd.worker.engine import Slice
from hobd.worker.llama import L
from hobd.worker.positions import Positions


class TokenBatch:
    """A llama_batch over NumPy arrays, allocated once; filling it is a few slice assignments."""

    def __init__(self, capacity: int) -> None:
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._lanes = np.zeros(capacity, np.int32)
        self._wanted = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        # seq_id is an array of pointers, one for each token, to its (single) lane.
        self._lane_pointers = self._lanes.ctypes.data + 4 * np.arange(capacity, dtype=np.uint64)
        self._steps = np.arange(capacity, dtype=np.int32)
        self.num_rows = 0
        self.struct = _struct(self._positions, self._ones, self._lane_pointers, self._wanted)
        self.struct.token = _pointer(self._tokens, ctypes.c_int32)

    def fill(self, slices: Sequence[Slice], positions: Positions) -> None:
        end = 0
        rows = 0
        for piece in slices:
            begin, end = end, end + len(piece.tokens)
            self._tokens[begin:end] = piece.tokens
            self._positions[begin:end] = self._steps[: end - begin] + positions.of(piece.lane, piece.start)
            self._lanes[begin:end] = piece.lane
            self._wanted[begin:end] = 0
            if piece.num_rows:
                self._wanted[end - piece.num_rows : end] = 1
                rows += piece.num_rows
        self.struct.n_tokens = end
        self.num_rows = rows

    def wipe(self) -> None:
        """What was decoded is in the KV cache, which `forget` empties; here nobody needs it any more."""
        self._tokens[: self.struct.n_tokens] = 0


class ViewBatch:
    """A slice of a view: its embeddings, and a row of positions, or four where the model's rope has four."""

    def __init__(self, piece: Slice, first: int, num_position_rows: int) -> None:
        """`first`: the position at which the slice begins."""
        assert piece.view is not None and piece.view.embeddings is not None, "it was encoded before"
        count, grid = len(piece.tokens), piece.view.grid
        places = np.arange(count, dtype=np.int32) if grid is None else grid
        self._embeddings = np.ascontiguousarray(piece.view.embeddings[piece.place : piece.place + count])
        self._positions = np.empty((num_position_rows, count), np.int32)
        self._positions[:] = places + first
        if grid is not None:
            self._positions[3] = grid[3]  # of no meaning to any model yet, and zero
        self._lanes = np.full(count, piece.lane, np.int32)
        self._ones = np.ones(count, np.int32)
        self._lane_pointers = self._lanes.ctypes.data + 4 * np.arange(count, dtype=np.uint64)
        self._wanted = np.zeros(count, np.int8)
        self._wanted[count - piece.num_rows :] = 1
        self.num_rows = piece.num_rows
        self.struct = _struct(self._positions, self._ones, self._lane_pointers, self._wanted)
        self.struct.embd = _pointer(self._embeddings, ctypes.c_float)
        self.struct.n_tokens = count


def _struct(
    positions: npt.NDArray[np.int32],
    ones: npt.NDArray[np.int32],
    lane_pointers: npt.NDArray[np.uint64],
    wanted: npt.NDArray[np.int8],
) -> Any:
    struct = L.llama_batch()
    struct.pos = _pointer(positions, ctypes.c_int32)
    struct.n_seq_id = _pointer(ones, ctypes.c_int32)
    struct.seq_id = lane_pointers.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(ctypes.c_int32)))
    struct.logits = _pointer(wanted, ctypes.c_int8)
    return struct


def _pointer(array: npt.NDArray[Any], kind: type[Any]) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
