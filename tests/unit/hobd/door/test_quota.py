"""What users have used, and when they may go on; by a clock that the test moves.

Must need no socket.
Run by pytest.
"""

from __future__ import annotations

from hobd.door.quota import Bucket, Quotas
from hypothesis import given
from hypothesis import strategies as st

steps = st.lists(st.tuples(st.floats(0, 120), st.integers(0, 500)), max_size=30)


@given(rate=st.integers(1, 1000), steps=steps)
def test_nobody_gets_more_than_the_rate_and_one_minute_and_one_overdraft(
    rate: int, steps: list[tuple[float, int]]
) -> None:
    now, taken, largest = 0.0, 0, 0
    bucket = Bucket(rate, now)
    for pause, num_tokens in steps:
        now += pause
        if not bucket.wait_seconds(now):
            bucket.take(num_tokens, now)
            taken, largest = taken + num_tokens, max(largest, num_tokens)
    assert taken <= rate * (now / 60 + 1) + largest + 1e-6


@given(rate=st.integers(1, 1000), debt=st.integers(1, 100_000))
def test_waiting_as_long_as_was_said_is_enough(rate: int, debt: int) -> None:
    bucket = Bucket(rate, 0)
    bucket.take(rate + debt, 0)
    wait = bucket.wait_seconds(0)
    assert wait > 0 and bucket.wait_seconds(wait * 0.9) > 0
    assert bucket.wait_seconds(wait + 1e-6) == 0


def test_idle_hours_save_no_more_than_a_minute() -> None:
    bucket = Bucket(60, 0)
    bucket.take(60, 3600)
    assert bucket.wait_seconds(3600) > 0


def test_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(60, 100)
    bucket.take(60, 100)
    assert bucket.wait_seconds(0) == bucket.wait_seconds(100) > 0


def test_users_have_accounts_of_their_own() -> None:
    quotas = Quotas()
    for key in ("ci:1", "ci:2"):
        quotas.begin(key, 2, 0)
    quotas.end("ci:1", 2, 600, 60, 0)
    assert (quotas.use("ci:1", 60, 0).num_running, quotas.use("ci:2", 60, 0).num_running) == (0, 2)
    assert quotas.use("ci:1", 60, 0).wait_ms > 500_000
    assert quotas.use("ci:2", 60, 0).wait_ms == quotas.use("ci:3", 60, 0).wait_ms == 0


def test_limit_that_is_lifted_is_lifted_at_once() -> None:
    quotas = Quotas()
    quotas.begin("ci:1", 1, 0)
    quotas.end("ci:1", 1, 600, 60, 0)
    assert quotas.use("ci:1", 0, 0).wait_ms == 0
    assert quotas.use("ci:1", 6000, 0).wait_ms < quotas.use("ci:1", 60, 0).wait_ms


def test_idle_users_are_forgotten_and_debtors_are_not() -> None:
    quotas = Quotas()
    for number in range(2000):
        quotas.begin(f"ci:{number}", 1, 0)
        quotas.end(f"ci:{number}", 1, 600 if number == 7 else 0, 60, 0)
    assert len(quotas._accounts) < 1100
    assert quotas.use("ci:7", 60, 0).wait_ms > 0
