"""Refusals become records, and a flood of them becomes few.

Must keep the records in memory, by a clock that the test moves.
Run by pytest.
"""

from __future__ import annotations

from hobd.audit.refusals import QUIET_SECONDS, Kind, Refusals

KIND = Kind(door="ci", uid=1001, rpc="Chat", rule="model")


class Records:
    """An audit that remembers, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.nums: list[object] = []

    def write(self, kind: str, **fields: object) -> None:
        self.nums.append(fields["num"])


def test_first_refusal_is_told_at_once_and_the_next_are_counted() -> None:
    records = Records()
    refusals = Refusals(records, lambda: records.now)
    for _ in range(1000):
        refusals.tell(KIND)
    assert records.nums == [1]
    records.now += QUIET_SECONDS
    refusals.tell(KIND)
    assert records.nums == [1, 1000]


def test_what_was_counted_is_told_at_the_end() -> None:
    records = Records()
    refusals = Refusals(records, lambda: records.now)
    for _ in range(3):
        refusals.tell(KIND)
    refusals.flush()
    refusals.flush()
    assert records.nums == [1, 2]


def test_no_number_of_kinds_is_too_many() -> None:
    records = Records()
    refusals = Refusals(records, lambda: records.now)
    for uid in range(10_000):
        refusals.tell(Kind(door="ci", uid=uid, rpc="", rule="users"))
    assert sum(num for num in records.nums if isinstance(num, int)) == 10_000
    assert len(refusals._told_at) <= 4096
