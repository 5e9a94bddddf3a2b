"""What measurements say, and how they are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_cli.bench import busy
from hob_cli.bench.figures import Stream, figure, round_of, score, speed_of
from hob_cli.bench.plot import bars
from hypothesis import given
from hypothesis import strategies as st

POSITIVE = st.floats(0.01, 1e6)
STREAMS = st.builds(
    lambda first, more, tokens, prompt: Stream(
        first_at=first, last_at=first + more, num_tokens=tokens, num_prompt_tokens=prompt
    ),
    POSITIVE,
    POSITIVE,
    st.integers(1, 1000),
    st.integers(1, 1000),
)


@given(st.lists(POSITIVE, min_size=1))
def test_middle_lies_between_the_ends(values: list[float]) -> None:
    found = figure(values)
    assert found.low <= found.median <= found.high and found.spread >= 0
    assert found.num_rounds == len(values)


def test_two_answers_at_once_add_up() -> None:
    one = Stream(first_at=1.0, last_at=3.0, num_tokens=20, num_prompt_tokens=50)
    both = round_of([one, one])
    assert (both.prefill_per_second, both.decode_per_second, both.first_ms) == (100, 20, 1000)


@given(st.lists(STREAMS, min_size=1, max_size=4), st.floats(1.1, 10))
def test_whatever_is_faster_in_all_scores_higher(streams: list[Stream], times: float) -> None:
    quick = [
        Stream(
            first_at=each.first_at / times,
            last_at=each.last_at / times,
            num_tokens=each.num_tokens,
            num_prompt_tokens=each.num_prompt_tokens,
        )
        for each in streams
    ]
    slow_score, quick_score = (score([speed_of(1, [round_of(each)])]) for each in (streams, quick))
    assert quick_score >= slow_score * 0.999


@given(st.lists(st.tuples(st.text("abc", max_size=9), POSITIVE), min_size=1), st.booleans())
def test_bars_share_one_scale(rows: list[tuple[str, float]], plain: bool) -> None:
    lines = bars(rows, "tokens/s", width=20, plain=plain)
    filled = [sum(line.count(mark) for mark in "#█") for line in lines]
    assert max(filled) == 20 and len(lines) == len(rows)
    assert not plain or all(line.isascii() for line in lines)
    in_order = [count for _, count in sorted(zip((value for _, value in rows), filled, strict=True))]
    assert in_order == sorted(in_order)


def test_nothing_to_draw_is_drawn() -> None:
    assert bars([("a", 0.0)], "x")[0].endswith("0.0 x") and bars([], "x") == []


@pytest.mark.parametrize(
    ("found", "words"), [(None, "not known"), (0.02, "quiet"), (0.5, "used 50% of the processors")]
)
def test_busy_machine_is_told(found: float | None, words: str) -> None:
    assert words in busy.sentence(found)


def test_machine_that_tells_nothing_is_not_called_quiet(tmp_path: Path) -> None:
    assert busy.share(tmp_path / "none", 0) is None
    (tmp_path / "stat").write_text("cpu 1 2 3 4 5 6 7 8\n")
    assert busy.share(tmp_path / "stat", 0) is None
