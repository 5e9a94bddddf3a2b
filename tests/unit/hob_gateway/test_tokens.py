"""The book of tokens: who is found, until when, and what the file has."""

from __future__ import annotations

from pathlib import Path

import pytest
from hob_client.errors import InvalidRequest, NotPermitted
from hob_gateway.tokens import TokenBook, find, new_token
from hypothesis import given
from hypothesis import strategies as st

DAY = 86_400


@pytest.fixture
def book(tmp_path: Path) -> TokenBook:
    return TokenBook(tmp_path / "tokens.json")


@given(st.text(max_size=300))
def test_guess_finds_nobody(guess: str) -> None:
    token, secret = new_token("a", ("infer",), now=0, days=None)
    assert find([token], guess, 0) is None
    assert find([token], secret + guess, 0) in ((token,) if not guess else (None,))


def test_secret_finds_its_token_among_others(book: TokenBook) -> None:
    made = [new_token(name, ("infer",), now=0, days=None) for name in "abc"]
    for token, _ in made:
        book.add(token)
    assert [find(book.tokens(), secret, 0) for _, secret in made] == [token for token, _ in made]


def test_token_ends_when_its_days_are_over() -> None:
    token, secret = new_token("a", ("infer",), now=0, days=2)
    assert find([token], secret, 2 * DAY - 1) == token and find([token], secret, 2 * DAY) is None


def test_other_reader_sees_a_revocation(book: TokenBook, tmp_path: Path) -> None:
    token, secret = new_token("a", ("infer",), now=0, days=None)
    book.add(token)
    reader = TokenBook(tmp_path / "tokens.json")
    assert find(reader.tokens(), secret, 0)
    book.revoke("a")
    assert find(reader.tokens(), secret, 0) is None


def test_name_is_free_again_once_its_token_is_revoked(book: TokenBook) -> None:
    first, second = (new_token("a", ("infer",), now=0, days=None)[0] for _ in range(2))
    book.add(first)
    with pytest.raises(InvalidRequest, match="already"):
        book.add(second)
    book.revoke("a")
    book.add(second)
    assert book.tokens() == (second,)


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 65, "../x"])
def test_odd_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="must be 1 to 64"):
        new_token(name, ("infer",), now=0, days=None)


@pytest.mark.parametrize("days", [0, 3651])
def test_days_out_of_range_are_refused(days: int) -> None:
    with pytest.raises(InvalidRequest, match=f"days must be from 1 to 3650, not {days}"):
        new_token("a", ("infer",), now=0, days=days)


def test_nobody_s_digest_or_secret_is_in_a_repr() -> None:
    token, secret = new_token("a", ("infer",), now=0, days=None)
    assert secret not in repr(token) and token.digest not in repr(token)


def test_file_that_cannot_be_read_lets_nobody_in(book: TokenBook, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("[")
    with pytest.raises(NotPermitted, match="cannot be read"):
        book.tokens()
