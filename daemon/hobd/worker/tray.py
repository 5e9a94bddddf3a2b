"""Memory that the broker shares with its worker, through which prefixes outlive the worker.

Must be believed where the broker wrote (it checked a MAC), and be written only behind that. It is no file:
it has no name, and its pages are free when both have let go. Made by serve.py; used by keeping.py.

    | restored, written by the broker | handed over, written here |
    0                               begin                        size

A place holds the tokens of a prefix, and then what the engine makes of them:

    u32 count | i32 token * count | state
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

_COUNT = struct.Struct("<I")
_TOKEN_BYTES = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where something lies in the tray."""

    offset: int
    num_bytes: int


class Tray:
    """Owns its mapping; closes the descriptor."""

    def __init__(self, fd: int, begin: int) -> None:
        try:
            self._memory = mmap.mmap(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)
        self._end = _next_page(begin)

    def read(self, place: Place) -> tuple[list[int], memoryview]:
        """The tokens of what lies there, and the state, which is not copied. Raises ValueError."""
        whole = memoryview(self._memory)[place.offset : place.offset + place.num_bytes]
        if len(whole) != place.num_bytes or len(whole) < _COUNT.size:
            raise ValueError("a place outside the tray")
        (count,) = _COUNT.unpack_from(whole)
        begin, end = _COUNT.size, _COUNT.size + count * _TOKEN_BYTES
        if end > len(whole):
            raise ValueError("more tokens than their place holds")
        tokens = array("i")
        tokens.frombytes(whole[begin:end])
        if sys.byteorder == "big":
            tokens.byteswap()
        return tokens.tolist(), whole[end:]

    def lay(self, tokens: Sequence[int], state: memoryview) -> Place | None:
        """Adds one. None if there is no room for it."""
        reserved = self.reserve(tokens, state.nbytes)
        if reserved is None:
            return None
        place, memory = reserved
        memory[:] = state
        return place

    def reserve(self, tokens: Sequence[int], num_bytes: int) -> tuple[Place, memoryview] | None:
        """Adds one whose state, of so many bytes, is yet to be written. None if there is no room for it."""
        spelled = array("i", tokens)
        if sys.byteorder == "big":
            spelled.byteswap()
        head = _COUNT.pack(len(tokens)) + spelled.tobytes()
        place = Place(self._end, len(head) + num_bytes)
        if place.offset + place.num_bytes > len(self._memory):
            return None
        middle = place.offset + len(head)
        self._memory[place.offset : middle] = head
        end = place.offset + place.num_bytes
        self._end = _next_page(end)
        return place, memoryview(self._memory)[middle:end]

    def free(self, place: Place) -> None:
        """Gives the memory of a place back; it begins on a page, and has its last one for itself."""
        self._memory.madvise(mmap.MADV_REMOVE, place.offset, _next_page(place.num_bytes))


def _next_page(offset: int) -> int:
    return -(-offset // mmap.PAGESIZE) * mmap.PAGESIZE
