"""Memory as people see it."""

from __future__ import annotations

import pytest
from hob_cli.memory import plan_lines, print_memory
from hob_client.models import MemoryLine, Plan

MIB = 1 << 20
LINES = (
    MemoryLine(device="ram", purpose="weights", reserved_bytes=64 * MIB, measured_bytes=64 * MIB),
    MemoryLine(device="ram", purpose="prefix_cache", reserved_bytes=32 * MIB, measured_bytes=0),
    MemoryLine(device="gpu0", purpose="kv_cache", reserved_bytes=16 * MIB, measured_bytes=17 * MIB),
)


def given_plan(**fields: object) -> Plan:
    usual = {"lines": LINES, "devices": (), "steps": (), "evicts": (), "problem": "", "fits_now": True}
    return Plan(**(usual | {"context_tokens": 2048} | fields))  # type: ignore[arg-type]


def test_table_has_a_line_for_each_purpose_and_the_sum_of_each_device(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_memory(LINES, measured=True)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["DEVICE", "ram", "ram", "gpu0", "ram", "gpu0"]
    assert rows[4].split()[1:] == ["all", "96.0", "MiB", "64.0", "MiB"]


def test_bar_is_pale_where_nothing_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    print_memory(LINES, measured=True)
    full, pale, both, *_ = (line.rpartition(" ")[2] for line in capsys.readouterr().out.splitlines()[1:])
    assert (set(full), set(pale), set(both)) == ({"█"}, {"░"}, {"█"})
    assert len(full) == 2 * len(pale) == 24


def test_nothing_is_a_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_memory((), measured=False)
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (given_plan(), ["m fits now, with contexts of 2048 tokens"]),
        (given_plan(problem="m is too big"), ["m is too big"]),
        (given_plan(fits_now=False, evicts=("old",)), ["would leave for it: old"]),
        (given_plan(fits_now=False), ["does not fit beside what is in memory now"]),
        (given_plan(steps=("a", "b")), ["m fits now", "less than is configured: a; b"]),
    ],
    ids=["fits", "never", "others leave", "not now", "shrunk"],
)
def test_plan_is_said_in_sentences(plan: Plan, words: list[str]) -> None:
    said = list(plan_lines("m", plan))
    assert len(said) == len(words) and all(word in line for word, line in zip(words, said, strict=True))
