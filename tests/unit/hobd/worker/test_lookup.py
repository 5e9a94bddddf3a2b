"""What is foretold of a sequence, and how far it is believed."""

from __future__ import annotations

from hobd.worker.lookup import Lookup
from hypothesis import given
from hypothesis import strategies as st


def test_foretells_what_followed_the_last_time() -> None:
    lookup = Lookup([1, 2, 3, 4, 5, 9, 1, 2, 3])
    assert lookup.propose(4) == [4, 5, 9, 1]
    assert lookup.propose(2) == [4, 5]


def test_the_last_of_several_times_counts() -> None:
    assert Lookup([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]).propose(1) == [5]


def test_foretells_nothing_of_what_never_occurred() -> None:
    assert Lookup([1, 2, 3, 4, 5, 6]).propose(5) == []
    assert Lookup([1]).propose(5) == []


def test_goes_on_where_it_was_right_and_searches_anew_where_it_was_wrong() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]
    lookup = Lookup(tokens)
    lookup.propose(1)
    tokens += [4, 5]
    assert lookup.propose(2) == [6, 7]
    tokens += [7, 8, 9]
    assert lookup.propose(2) == [1, 2]


def test_trust_follows_how_often_it_was_right() -> None:
    tokens = [1, 2, 3, 4]
    lookup = Lookup(tokens)
    for _ in range(40):
        tokens += [1, 2, 3, 4]
        lookup.propose(1)
    assert lookup.trust > 0.95
    for new in range(10, 600):
        tokens += [1, 2, 3, new]  # after these three there is always another one
        lookup.propose(1)
    assert lookup.trust < 0.8


def test_prompt_alone_earns_no_trust() -> None:
    assert Lookup([1, 2, 3, 4] * 50).trust == Lookup([7]).trust


@given(tokens=st.lists(st.integers(0, 3), max_size=60), limit=st.integers(-3, 9), cut=st.integers(0, 60))
def test_guess_is_the_same_however_the_tokens_came(tokens: list[int], limit: int, cut: int) -> None:
    grown = tokens[:cut]
    lookup = Lookup(grown)
    for token in tokens[cut:]:
        grown.append(token)
        lookup.propose(1)
    guess = lookup.propose(limit)
    assert guess == Lookup(list(tokens)).propose(limit)
    assert len(guess) <= max(0, limit)
