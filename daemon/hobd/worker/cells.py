"""Which lane holds which KV cells: a cell that several lanes share is counted once.

Must stay pure and know neither tokens nor requests. Changed by lanes.py and scheduler.py, which say
to it what they say to the engine.

A lane's cells are a row of spans; a span is cells that the same lanes hold. Sharing cuts at most one
span in two, releasing frees the spans that nobody else holds:

    lane 0   [ system prompt: lanes 0, 1 ][ question: lane 0 ]
    lane 1   [        the same span      ][ another one: lane 1 ]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection


class _Span:
    __slots__ = ("holders", "size")

    def __init__(self, size: int, holders: set[int]) -> None:
        self.size = size
        self.holders = holders


class Cells:
    """The cells of one engine. free + used == total after every call."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self._rows: defaultdict[int, list[_Span]] = defaultdict(list)

    @property
    def free(self) -> int:
        return self.total - self.used

    def extend(self, lane: int, count: int) -> None:
        """`count` new cells at the lane's end, which nobody shares yet."""
        row = self._rows[lane]
        if row and len(row[-1].holders) == 1:
            row[-1].size += count
        else:
            row.append(_Span(count, {lane}))
        self.used += count

    def share(self, source: int, target: int, count: int) -> None:
        """Lane `target`, which must be empty, also holds the first `count` cells of `source`."""
        assert not self._rows[target], "a lane must be forgotten before it is used again"
        shared = self._first(source, count)
        for span in shared:
            span.holders.add(target)
        self._rows[target] = shared

    def release(self, lane: int) -> None:
        """The lane holds nothing any more."""
        for span in self._rows.pop(lane, ()):
            span.holders.remove(lane)
            if not span.holders:
                self.used -= span.size

    # ------------------------------------------------------------------ questions

    def length(self, lane: int) -> int:
        return sum(span.size for span in self._rows.get(lane, ()))

    def own(self, lane: int) -> int:
        """Cells that would be free if this lane were released."""
        return sum(span.size for span in self._rows.get(lane, ()) if len(span.holders) == 1)

    def held_by(self, lanes: Collection[int]) -> int:
        """Distinct cells of these lanes."""
        spans = {id(span): span.size for lane in lanes for span in self._rows.get(lane, ())}
        return sum(spans.values())

    def not_held_by(self, lanes: Collection[int], source: int, count: int) -> int:
        """How many of the first `count` cells of `source` none of these lanes holds."""
        lanes = set(lanes)
        missing = 0
        for span in self._rows[source]:
            if count <= 0:
                break
            if lanes.isdisjoint(span.holders):
                missing += min(span.size, count)
            count -= span.size
        return missing

    def check(self) -> None:
        """Raises AssertionError when the books do not balance."""
        spans = {id(span): span for row in self._rows.values() for span in row}
        assert self.used == sum(span.size for span in spans.values()) <= self.total
        for span in spans.values():
            assert span.size > 0 and span.holders
            assert span.holders == {lane for lane, row in self._rows.items() if span in row}

    # ------------------------------------------------------------------ spans

    def _first(self, lane: int, count: int) -> list[_Span]:
        """The spans of the lane's first `count` cells; one that reaches across is cut in two."""
        row = self._rows[lane]
        begin = 0
        for index, span in enumerate(row):
            if begin == count:
                return row[:index]
            if begin + span.size > count:
                self._cut(span, count - begin)
                return row[: index + 1]
            begin += span.size
        assert begin == count, "more cells are asked for than the lane has"
        return row[:]

    def _cut(self, span: _Span, size: int) -> None:
        rest = _Span(span.size - size, set(span.holders))
        span.size = size
        for holder in span.holders:
            row = self._rows[holder]
            row.insert(row.index(span) + 1, rest)
