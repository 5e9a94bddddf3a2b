"""Chunks of prompts follow the machine, as fast or slow as it is told to be."""

from __future__ import annotations

import pytest
from hobd.worker.pace import Pace


@pytest.mark.parametrize(
    ("decode_us", "prompt_us", "chunk"),
    [(10_000, 100, 100), (10_000, 1000, 16), (100_000, 10, 512)],
    ids=["as much as an answer takes", "never below 16", "never above the batch"],
)
def test_step_with_a_chunk_takes_twice_as_long_as_one_without(
    decode_us: int, prompt_us: int, chunk: int
) -> None:
    pace = Pace(64, 512)
    for _ in range(50):
        pace.note(0, decode_us, is_mixed=False)
        pace.note(50, decode_us + 50 * prompt_us, is_mixed=True)
    assert pace.chunk_tokens == pytest.approx(chunk, abs=1)


def test_chunk_is_the_given_one_until_both_kinds_of_step_were_timed() -> None:
    pace = Pace(64, 512)
    pace.note(0, 10_000, is_mixed=False)
    assert pace.chunk_tokens == 64
    pace.note(500, 50_000, is_mixed=False)
    assert pace.chunk_tokens == 100


def test_one_slow_step_changes_little() -> None:
    pace = Pace(64, 512)
    for _ in range(20):
        pace.note(0, 10_000, is_mixed=False)
        pace.note(500, 50_000, is_mixed=False)
    pace.note(0, 20_000, is_mixed=False)
    assert 100 < pace.chunk_tokens <= 110
