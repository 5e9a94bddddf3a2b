"""The ladder climbs with alarms, comes down in quiet times, and does neither too fast."""

from __future__ import annotations

from hobd.pressure.ladder import QUIET_SECONDS, SETTLE_SECONDS, Ladder, Rung
from hypothesis import given
from hypothesis import strategies as st


def climb(ladder: Ladder, at: float, *, has_idle_models: bool = True) -> Rung | None:
    return ladder.alarm(at, has_idle_models=has_idle_models)


def test_caches_go_before_models_and_models_before_new_work() -> None:
    ladder = Ladder()
    assert climb(ladder, 0) is Rung.CACHES
    assert climb(ladder, 10) is Rung.IDLE_MODELS
    assert climb(ladder, 20) is Rung.IDLE_MODELS  # another model
    assert climb(ladder, 30, has_idle_models=False) is Rung.NEW_WORK


def test_without_idle_models_their_rung_is_passed_over() -> None:
    ladder = Ladder()
    climb(ladder, 0, has_idle_models=False)
    assert climb(ladder, 10, has_idle_models=False) is Rung.NEW_WORK


def test_an_alarm_before_the_last_rung_could_help_changes_nothing() -> None:
    ladder = Ladder()
    climb(ladder, 100)
    assert climb(ladder, 100 + SETTLE_SECONDS / 2) is None
    assert ladder.rung is Rung.CACHES


def test_the_first_alarm_counts_at_whatever_time() -> None:
    assert climb(Ladder(), 0.0) is Rung.CACHES


def test_each_quiet_time_gives_one_rung_back() -> None:
    ladder = Ladder()
    climb(ladder, 0)
    climb(ladder, 10)
    assert ladder.due == 10 + QUIET_SECONDS
    assert ladder.look(10 + QUIET_SECONDS - 1) is Rung.IDLE_MODELS
    assert ladder.look(10 + QUIET_SECONDS) is Rung.CACHES
    assert ladder.look(10 + 2 * QUIET_SECONDS) is Rung.CALM
    assert ladder.due is None


def test_an_alarm_that_comes_too_soon_to_climb_still_ends_the_quiet() -> None:
    ladder = Ladder()
    climb(ladder, 0)
    climb(ladder, 1)
    assert ladder.look(QUIET_SECONDS) is Rung.CACHES


def test_how_long_until_calm_counts_every_rung() -> None:
    ladder = Ladder()
    climb(ladder, 0, has_idle_models=False)
    climb(ladder, 10, has_idle_models=False)
    assert ladder.quiet_in(10) == 3 * QUIET_SECONDS
    assert Ladder().quiet_in(0) == 0


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans(), st.booleans()), max_size=60))
def test_it_never_skips_the_caches_and_always_comes_down(events: list[tuple[float, bool, bool]]) -> None:
    ladder, now = Ladder(), 0.0
    for wait, is_alarm, has_idle_models in events:
        now += wait
        before = ladder.rung
        after = (
            (climb(ladder, now, has_idle_models=has_idle_models), ladder.rung)[1]
            if is_alarm
            else ladder.look(now)
        )
        assert before is not Rung.CALM or after <= Rung.CACHES
        assert (ladder.due is None) == (after is Rung.CALM)
    for _ in range(3):
        now += ladder.quiet_in(now)
        ladder.look(now)
    assert ladder.rung is Rung.CALM
