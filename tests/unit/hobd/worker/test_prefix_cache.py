"""What is found again, what is kept, and what goes first."""

from __future__ import annotations

import pytest
from hobd.worker.prefix_cache import STOW_AFTER_TOKENS, Match, PrefixCache, common_prefix
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
    assert cache.find(Sequence(1, [*SYSTEM, 3, 3, 4], domain="a"), []) == Match(22, 1)


def test_last_token_is_always_left_to_compute(cache: PrefixCache) -> None:
    assert cache.find(Sequence(1, [*SYSTEM, 2], domain="a"), []) == Match(20, 0)


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
    cache.use(Match(20, 0))
    assert cache.choose_for_cells(lambda lane: 5) == 1
    assert cache.choose_for_cells(lambda lane: 0) is None


def test_for_a_lane_the_one_cheapest_to_compute_again_goes(cache: PrefixCache) -> None:
    assert cache.choose_for_lane(lambda lane: 500 if lane == 0 else 2, spared=None) == 1
    cache.stow(1)
    assert cache.choose_for_lane(lambda lane: 500, spared=0) is None


@pytest.fixture
def stash() -> PrefixCache:
    """An entry stowed under key 1, one with lane 1, and room for 100 bytes."""
    cache = PrefixCache(stash_bytes=100)
    cache.keep(0, "a", [*SYSTEM, 2, 2])
    cache.keep(1, "a", [*SYSTEM, 3, 3, 3, 3])
    assert cache.stow(0) == 1
    cache.stash.note_bytes(1, 60)
    return cache


def test_stowed_entry_is_found_if_no_lane_holds_as_much(stash: PrefixCache) -> None:
    assert stash.find(Sequence(1, [*SYSTEM, 2, 2, 2], domain="a"), []) == Match(22, None, key=1, length=22)
    assert stash.find(Sequence(1, [*SYSTEM, 4], domain="a"), []) == Match(20, 1)
    assert stash.find(Sequence(1, [*SYSTEM, 2, 2, 2], domain="b"), []) is None


def test_entry_in_the_way_is_named_when_others_have_computed_for_a_while(stash: PrefixCache) -> None:
    stash.note_computed(STOW_AFTER_TOKENS - 1)
    assert stash.find_idle() is None
    stash.note_computed(1)
    assert stash.find_idle() == 1
    stash.use(Match(20, 1))
    assert stash.find_idle() is None


def test_stash_drops_what_was_used_longest_ago_when_it_is_full(stash: PrefixCache) -> None:
    assert stash.stow(1) == 2
    stash.stash.note_bytes(2, 41)
    stash.use(Match(22, None, key=1))
    assert stash.drop_stowed() == [2] and stash.stash.num_bytes == 60
    assert stash.drop_stowed() == []


def test_forgotten_entries_give_up_their_lanes_and_their_memory(stash: PrefixCache) -> None:
    assert stash.forget(lambda domain: domain == "b") == ([], 0, 0)
    assert stash.forget(lambda domain: domain == "a") == ([1], 1, 60)
    assert stash.drop_stowed() == [1] and not list(stash.entries())


def test_stash_drops_what_another_entry_continues(stash: PrefixCache) -> None:
    stash.keep(2, "a", [*SYSTEM, 2, 2, 5])
    assert stash.drop_stowed() == [1]


def test_without_a_stash_entries_are_dropped(cache: PrefixCache) -> None:
    cache.note_computed(10 * STOW_AFTER_TOKENS)
    assert cache.find_idle() is None
    assert cache.stow(0) is None and list(cache.lanes) == [1]


def test_spare_entry_is_any_but_the_one_used_last() -> None:
    cache = PrefixCache(stash_bytes=100)
    cache.keep(0, "a", [*SYSTEM, 2, 2])
    assert cache.find_spare() is None
    cache.keep(1, "a", [*SYSTEM, 3, 3])
    assert cache.find_spare() == 0
    cache.use(Match(20, 0))
    assert cache.find_spare() == 1


def test_closed_stash_loses_what_it_has_and_takes_nothing_until_it_is_reopened(stash: PrefixCache) -> None:
    stash.stash.close()
    assert stash.drop_stowed() == [1] and stash.stow(1) is None
    stash.stash.reopen()
    stash.keep(2, "a", [*SYSTEM, 4, 4])
    assert stash.stow(2) == 2
