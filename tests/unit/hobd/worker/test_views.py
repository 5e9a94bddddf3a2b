"""Stand-ins tell what they stand for, and where it begins."""

from __future__ import annotations

import pytest
from hobd.worker.lookup import Lookup
from hobd.worker.views import before_view, is_stand_in, place_in_view, stand_ins, words
from hypothesis import given
from hypothesis import strategies as st

digests = st.binary(min_size=16, max_size=32)


@given(digests, st.integers(1, 5000))
def test_each_stand_in_tells_its_place_and_is_no_word(digest: bytes, count: int) -> None:
    tokens = stand_ins(digest, count)
    assert [place_in_view(token) for token in tokens] == list(range(count))
    assert all(map(is_stand_in, tokens)) and words([7, *tokens, 8]) == [7, 8]


@given(digests, digests, st.integers(1, 50))
def test_two_pictures_have_no_stand_in_in_common(one: bytes, other: bytes, count: int) -> None:
    is_same = one[:16] == other[:16]
    assert bool(set(stand_ins(one, count)) & set(stand_ins(other, count))) == is_same


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 30))
def test_what_is_shared_ends_where_no_view_is_cut(before: int, seen: int, after: int, count: int) -> None:
    tokens = [5] * before + list(stand_ins(b"x" * 16, seen)) + [6] * after
    kept = before_view(tokens, min(count, len(tokens)))
    assert kept <= count and not before < kept < before + seen
    assert kept == min(count, len(tokens)) or kept == before


@pytest.mark.parametrize("count", [0, (1 << 20) + 1])
def test_view_of_no_or_too_many_tokens_is_no_view(count: int) -> None:
    with pytest.raises(ValueError, match="a view of"):
        stand_ins(b"x" * 16, count)


def test_lookup_never_proposes_what_only_a_picture_is() -> None:
    picture = list(stand_ins(b"x" * 16, 4))
    lookup = Lookup([1, 2, 3, 4, *picture, 1, 2, 3])
    assert lookup.propose(4) == [4]
