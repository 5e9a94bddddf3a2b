"""What is found again, what is kept, and what goes first."""

from __future__ import annotations

import pytest
from hobd.worker.prefix_cache import Match, PrefixCache, common_prefix
from hobd.worker.sequence import Sequence
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = [1] * 20
tokens = st.lists(st.integers(0, 1), max_size=12)


@pytest.fixture
def cache() -> PrefixCache:
    cache = PrefixCache()
    cache.keep(0, "a", [*SYSTEM, 2, 2])
    cache.keep(1, "a", [*SYSTEM, 3, 3, 3, 3])
    return cache


@given(tokens, tokens)
def test_common_prefix_is_what_counting_finds(one: list[int], other: list[int]) -> None:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    assert common_prefix(one, other) == count


def test_longest_match_is_found(cache: PrefixCache) -> None:
    assert cache.find(Sequence(1, [*SYSTEM, 3, 3, 4], domain="a"), []) == Match(1, 22)


def test_last_token_is_always_left_to_compute(cache: PrefixCache) -> None:
    assert cache.find(Sequence(1, [*SYSTEM, 2], domain="a"), []) == Match(0, 20)


def test_few_common_tokens_are_not_worth_sharing(cache: PrefixCache) -> None:
    assert cache.find(Sequence(1, [*SYSTEM[:15], 4, 4], domain="a"), []) is None
    assert cache.keep(2, "a", [4] * 15) == [2]


def test_longer_entry_replaces_the_one_that_it_continues(cache: PrefixCache) -> None:
    assert cache.keep(2, "a", [*SYSTEM, 2, 2, 5]) == [0]
    assert cache.keep(3, "a", SYSTEM) == [3]
    assert sorted(cache.lanes) == [1, 2]


def test_same_tokens_of_another_domain_are_another_entry(cache: PrefixCache) -> None:
    assert cache.keep(2, "b", [*SYSTEM, 2, 2]) == []
    assert sorted(cache.lanes) == [0, 1, 2]


def test_for_cells_the_longest_unused_that_frees_any_goes(cache: PrefixCache) -> None:
    cache.touch(0)
    assert cache.drop_for_cells(lambda lane: 5) == 1
    assert cache.drop_for_cells(lambda lane: 0) is None


def test_for_a_lane_the_one_cheapest_to_compute_again_goes(cache: PrefixCache) -> None:
    assert cache.drop_for_lane(lambda lane: 500 if lane == 0 else 2, spared=None) == 1
    assert cache.drop_for_lane(lambda lane: 500, spared=0) is None
