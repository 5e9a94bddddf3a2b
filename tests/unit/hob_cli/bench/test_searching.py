"""The search for settings: it finds what is clearly better, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hob_cli.bench.measuring import describe, parse_settings
from hob_cli.bench.searching import LEAST_GAIN, search
from hob_client.errors import InvalidRequest
from hob_client.models import EngineSettings
from hypothesis import given
from hypothesis import strategies as st

Score = Callable[[EngineSettings], float]


def found(
    score: Score, most_threads: int = 8, fixed: frozenset[str] = frozenset()
) -> tuple[EngineSettings, int]:
    """What the search finds, and how many settings it measured."""
    trials, num = search(most_threads, fixed), 0
    try:
        tried = next(trials)
        while True:
            num += 1
            tried = trials.send(score(tried))
    except StopIteration as end:
        best: EngineSettings = end.value
        return best, num


def by_threads(settings: EngineSettings) -> float:
    """Four are best; as many as hob takes by itself are half as good."""
    return {0: 50.0, 1: 40.0, 2: 70.0, 4: 100.0}.get(settings.threads, 60.0)


def test_best_number_of_threads_is_found() -> None:
    assert found(by_threads)[0] == EngineSettings(threads=4)


def test_search_goes_no_further_than_where_it_gets_clearly_worse() -> None:
    tried: list[int] = []
    found(lambda settings: (tried.append(settings.threads), by_threads(settings))[1], 64)
    assert 8 in tried and 16 not in tried


@pytest.mark.parametrize("gain", [0.99, 1.0, 1.04])
def test_what_may_be_chance_is_not_taken(gain: float) -> None:
    assert found(lambda settings: 100.0 * (gain if settings.threads else 1.0))[0] == EngineSettings()


@pytest.mark.parametrize(("gain", "kv_type"), [(1.1, ""), (1.2, "q8_0")])
def test_rounded_cache_must_give_more_than_the_rest(gain: float, kv_type: str) -> None:
    assert found(lambda settings: gain if settings.kv_type else 1.0)[0].kv_type == kv_type


@given(
    st.dictionaries(st.integers(0, 64), st.floats(1, 100)), st.sets(st.sampled_from(["threads", "kv_type"]))
)
def test_search_ends_and_never_touches_what_is_fixed(scores: dict[int, float], fixed: set[str]) -> None:
    best, num = found(lambda settings: scores.get(settings.threads, 1.0), 64, frozenset(fixed))
    assert num <= 16 and all(not getattr(best, name) for name in fixed)
    assert scores.get(best.threads, 1.0) * 1.001 >= scores.get(0, 1.0) * (LEAST_GAIN if best.threads else 1)


def test_gain_that_does_not_show_again_is_not_taken() -> None:
    usual = iter([42.0, 113.0])  # the machine was busy at first
    assert (
        found(lambda settings: next(usual) if settings == EngineSettings() else 110.0)[0] == EngineSettings()
    )


def test_settings_to_compare_are_read() -> None:
    assert parse_settings("engine.threads=1,2") == [EngineSettings(threads=1), EngineSettings(threads=2)]
    assert [describe(each) for each in parse_settings("kv_type=f16")] == ["kv_type f16"]


@pytest.mark.parametrize("text", ["", "threads", "threads=", "threads=x", "threads=1,,2", "stash_mb=1", "=1"])
def test_what_cannot_be_compared_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_settings(text)
