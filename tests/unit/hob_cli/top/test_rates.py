"""Speeds are differences of counts; a model loaded anew counts from nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from hob_cli.top.rates import Rate, Rates

MORNING, NOON = datetime(2000, 1, 1, 8, tzinfo=UTC), datetime(2000, 1, 1, 12, tzinfo=UTC)


def status(
    answered: int = 0, *, prompt: int = 0, cached: int = 0, loaded_at: datetime = MORNING, model: str = "m"
) -> Any:
    resident = SimpleNamespace(
        model=model,
        loaded_at=loaded_at,
        num_tokens_generated=answered,
        num_prompt_tokens=prompt,
        num_cached_tokens=cached,
    )
    return SimpleNamespace(residents=(resident,))


def rates(*looks: tuple[float, Any]) -> Rates:
    told = Rates()
    for now, look in looks:
        told.note(look, now)
    return told


def test_the_first_look_tells_no_speed() -> None:
    told = rates((0.0, status(1000)))
    assert told.by_model == {} and not told.history


def test_tokens_over_seconds_and_only_computed_prompt_tokens() -> None:
    told = rates((0.0, status(100, prompt=50, cached=10)), (2.0, status(130, prompt=150, cached=90)))
    assert told.by_model["m"] == Rate(answered=15.0, read=10.0)
    assert list(told.history) == [15.0]


def test_a_model_that_was_loaded_anew_counts_from_nothing() -> None:
    told = rates((0.0, status(500)), (1.0, status(20, loaded_at=NOON)))
    assert told.by_model["m"].answered == 20.0


def test_a_model_that_left_is_not_shown_any_more() -> None:
    told = rates((0.0, status(1, model="old")), (1.0, status(5, model="new")))
    assert told.by_model == {"new": Rate(5.0, 0.0)}


def test_two_looks_at_the_same_moment_tell_nothing() -> None:
    assert rates((1.0, status(1)), (1.0, status(9))).by_model == {}
