"""Pieces of visited code: few, unlike each other, and in places that do not move."""

from __future__ import annotations

from hob_editors.lsp.ring import SAME, Piece, Ring, likeness
from hypothesis import given
from hypothesis import strategies as st

LINES = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8).map("\n".join)


def piece(name: str, text: str) -> Piece:
    return Piece(uri=f"file:///{name}", name=name, text=text)


@given(st.lists(LINES, max_size=30), st.integers(1, 6))
def test_pieces_are_few_and_unlike(texts: list[str], most: int) -> None:
    ring = Ring(most)
    for number, text in enumerate(texts):
        ring.visit(piece(str(number), text))
    kept = list(ring.files(besides="", most_characters=10_000).values())
    assert len(kept) == len(ring) <= most
    assert all(likeness(a, b) <= SAME for n, a in enumerate(kept) for b in kept[:n])


@given(st.lists(LINES, min_size=1, max_size=20))
def test_only_one_place_changes_at_a_visit(texts: list[str]) -> None:
    ring = Ring(4)
    for number, text in enumerate(texts):
        before = list(ring.files(besides="", most_characters=10_000))
        ring.visit(piece(str(number), text))
        after = list(ring.files(besides="", most_characters=10_000))
        stayed = [name for name in after if name in before]
        assert stayed == [name for name in before if name in after]


def test_piece_that_is_much_like_another_takes_its_place() -> None:
    ring = Ring(3)
    ring.visit(piece("a", "1\n2\n3"))
    ring.visit(piece("b", "4\n5\n6"))
    ring.visit(piece("c", "1\n2\n3"))
    assert list(ring.files(besides="", most_characters=100)) == ["c", "b"]


def test_oldest_makes_room_where_it_is() -> None:
    ring = Ring(2)
    for name in "abc":
        ring.visit(piece(name, name))
    assert list(ring.files(besides="", most_characters=100)) == ["c", "b"]


def test_own_file_and_what_does_not_fit_are_left_out() -> None:
    ring = Ring()
    for name in ("own", "old", "new"):
        ring.visit(piece(name, name * 10))
    assert list(ring.files(besides="file:///own", most_characters=35)) == ["new"]


def test_blank_piece_is_no_piece() -> None:
    ring = Ring()
    ring.visit(piece("a", " \n\n"))
    assert len(ring) == 0
