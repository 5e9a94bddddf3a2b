"""How many threads compute, against a machine whose other programs leave so many cores."""

from __future__ import annotations

import pytest
from hobd.worker.threads import Threads
from hypothesis import given
from hypothesis import strategies as st

STEP_US = 10_000


def compute(threads: Threads, num_free: float, *, seconds: float) -> float:
    """Steps on a machine with so many free cores; the seconds in which more threads than cores computed."""
    crowded_us = 0
    for _ in range(int(seconds * 1_000_000 / STEP_US)):
        if threads.num > max(1, num_free + 0.5 + 0.02 * threads.num):
            crowded_us += STEP_US
        threads.note(STEP_US, int(STEP_US * min(threads.num, num_free)))
    return crowded_us / 1_000_000


def test_all_threads_compute_on_a_quiet_machine() -> None:
    threads = Threads(8)
    compute(threads, 7.9, seconds=60)
    assert threads.num == 8


@given(most=st.integers(2, 64), num_free=st.floats(0.2, 64))
def test_no_more_threads_than_free_cores_for_nearly_all_of_the_time(most: int, num_free: float) -> None:
    threads = Threads(most)
    crowded = compute(threads, num_free, seconds=60)
    assert crowded < 2
    assert threads.num >= min(most, max(1, int(num_free)))


@given(most=st.integers(2, 64), busy_seconds=st.floats(0.1, 100))
def test_all_threads_are_back_soon_after_the_others_have_gone(most: int, busy_seconds: float) -> None:
    threads = Threads(most)
    compute(threads, 0.5, seconds=busy_seconds)
    compute(threads, most, seconds=min(17.0, 1 + 3 * busy_seconds))
    assert threads.num == most


def test_a_hiccup_changes_nothing() -> None:
    threads = Threads(2)
    for _ in range(100):
        compute(threads, 2, seconds=0.1)
        threads.note(30_000, 30_000)  # one look at one core
    assert threads.num == 2


def test_a_container_with_a_quota_computes_with_as_many_threads_as_it_pays_for() -> None:
    threads = Threads(16)
    compute(threads, 2, seconds=1)
    assert threads.num == 2


@pytest.mark.parametrize("most", [1, 4])
def test_there_is_always_a_thread(most: int) -> None:
    threads = Threads(most)
    compute(threads, 0.01, seconds=10)
    assert threads.num == 1


def test_trying_in_vain_becomes_rare() -> None:
    threads = Threads(2)
    compute(threads, 1.2, seconds=40)
    assert compute(threads, 1.2, seconds=60) < 0.3


def test_one_step_that_took_long_is_enough() -> None:
    threads = Threads(2)
    assert threads.note(2_000_000, 2_000_000)
    assert threads.num == 1


def test_thread_that_shares_its_core_wants_no_second_one() -> None:
    threads = Threads(2)
    compute(threads, 0.75, seconds=1)
    assert compute(threads, 0.75, seconds=60) == 0


def ask(threads: Threads, num_free: float, *, times: int, idle_us: int = 500_000, num_steps: int = 4) -> int:
    """Requests of a few steps with pauses between them; how many began with more threads than cores."""
    num_crowded = 0
    for _ in range(times):
        threads.rest(idle_us)
        num_crowded += threads.num > num_free + 0.5
        compute(threads, num_free, seconds=num_steps * STEP_US / 1_000_000)
    return num_crowded


def test_who_computes_now_and_then_sees_at_once_that_the_others_have_gone() -> None:
    threads = Threads(2)
    compute(threads, 1, seconds=0.2)
    assert threads.num == 1
    threads.rest(300_000)
    assert threads.num == 2


def test_trying_in_vain_becomes_rare_for_who_computes_now_and_then() -> None:
    threads = Threads(2)
    ask(threads, 1, times=100)
    assert ask(threads, 1, times=320) < 15  # in 160 seconds


def test_pause_between_two_steps_is_no_reason_to_try() -> None:
    threads = Threads(2)
    compute(threads, 1, seconds=0.2)
    for _ in range(100):
        assert not threads.rest(2_000)
