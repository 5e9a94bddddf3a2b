"""One vector out of many: in parts as in one piece, and of length 1 when that is wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hobd.worker.pooling import Array, Pool, finish, weighted_mean
from hypothesis import given
from hypothesis import strategies as st


def given_rows(count: int) -> Array:
    return np.random.default_rng(count).normal(size=(count, 5)).astype(np.float32)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@given(count=st.integers(1, 30), cuts=st.sets(st.integers(1, 29)))
def test_parts_give_what_the_whole_gives(pooling: str, count: int, cuts: set[int]) -> None:
    rows, pool = given_rows(count), Pool(5)
    for part in np.split(rows, sorted(cut for cut in cuts if cut < count)):
        pool.add(part, len(part))
    expected = {"mean": rows.mean(axis=0), "cls": rows[0], "last": rows[-1]}[pooling]
    assert pool.vector(pooling) == pytest.approx(expected, abs=1e-6) and pool.num_tokens == count


def test_pool_keeps_no_hold_on_rows_that_will_be_written_over() -> None:
    rows, pool = given_rows(3), Pool(5)
    first = rows[0].copy()
    pool.add(rows, 3)
    rows[:] = 0
    assert pool.vector("cls") == pytest.approx(first)


def test_mean_of_chunks_weighs_their_tokens() -> None:
    one, other = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert weighted_mean([one, other], [3, 1]) == pytest.approx([0.75, 0.25])


@given(dimensions=st.one_of(st.none(), st.integers(1, 5)))
def test_what_is_kept_has_length_one(dimensions: int | None) -> None:
    vector = finish(given_rows(1)[0], dimensions, is_normalized=True)
    assert len(vector) == (dimensions or 5)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


def test_vector_of_zeros_stays_one() -> None:
    assert finish(np.zeros(3, np.float32), None, is_normalized=True).tolist() == [0, 0, 0]
