"""How often something is tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hob_client.errors import InvalidRequest
from hob_fetch.failures import Passing
from hob_fetch.patience import MAX_FAILURES, Patience


class Line:
    """Fails as told, and notes how long was waited."""

    def __init__(self, fails: int, gain: int = 0, asked: float = 0.0) -> None:
        self.fails, self.gain, self.asked = fails, gain, asked
        self.bytes, self.tries = 0, 0
        self.waits: list[float] = []

    def attempt(self) -> str:
        self.tries += 1
        if self.tries <= self.fails:
            self.bytes += self.gain
            raise Passing("cut", self.asked)
        return "all"

    def run(self, attempt: Callable[[], str] | None = None) -> str:
        patience = Patience(
            tell=lambda message, seconds: None,
            gained=lambda: self.bytes,
            sleep=self.waits.append,
            chance=lambda: 1.0,
        )
        return patience.run(attempt or self.attempt)


def test_failures_are_waited_out_ever_longer() -> None:
    line = Line(fails=4)
    assert line.run() == "all" and line.waits == [1, 2, 4, 8]


def test_what_never_works_is_given_up() -> None:
    line = Line(fails=100)
    with pytest.raises(Passing, match="cut"):
        line.run()
    assert line.tries == MAX_FAILURES


def test_line_that_is_cut_for_ever_but_brings_something_is_not_given_up() -> None:
    line = Line(fails=100, gain=1)
    assert line.run() == "all" and set(line.waits) == {1}


def test_host_that_asks_for_time_gets_it() -> None:
    line = Line(fails=1, asked=30.0)
    assert line.run() == "all" and line.waits == [30]


def test_what_is_wrong_for_good_is_not_tried_again() -> None:
    line = Line(fails=0)

    def refuse() -> str:
        line.tries += 1
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        line.run(refuse)
    assert line.tries == 1
