"""Every error has an exit code, and one only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hob_cli import exits
from hob_client.errors import HobError


def descendants(error: type[HobError]) -> Iterator[type[HobError]]:
    for child in error.__subclasses__():
        if child.__module__ == "hob_client.errors":
            yield child
            yield from descendants(child)


LISTED = [error for row in exits.TABLE for error in row.errors]


@pytest.mark.parametrize("error", sorted(descendants(HobError), key=lambda error: error.__name__))
def test_every_error_stands_in_the_table_once(error: type[HobError]) -> None:
    assert LISTED.count(error) == 1


def test_codes_are_distinct() -> None:
    codes = [row.code for row in exits.TABLE]
    assert len(set(codes)) == len(codes)


def test_only_our_own_bugs_exit_with_1() -> None:
    assert [error.__name__ for error in LISTED if exits.exit_code(error("")) == 1] == ["InternalError"]


def test_help_shows_every_code() -> None:
    assert all(f"{row.code:>3}  {row.meaning}" in exits.help_text() for row in exits.TABLE)
