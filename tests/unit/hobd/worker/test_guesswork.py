"""What a draft model gains and costs, on a clock that only the engines move."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from hobd.worker import guesswork, loop
from hobd.worker.drafter import Drafter
from hobd.worker.engine import Settings, Slice

from tests.fakes.engine import VOCABULARY, FakeEngine, expected_answer
from tests.unit.hobd.worker.test_loop import Told, given_answer

NEVER = 10**9
SETTINGS = Settings(num_lanes=8, batch_tokens=64, context_tokens=600, kv_cells=5000)
STEP_US = 10_000


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_us = 0
        self.num_cores = 2  # that the threads find free
        time = SimpleNamespace(
            monotonic_ns=lambda: self.now_us * 1000,
            process_time_ns=lambda: self.now_us * self.num_cores * 1000,
        )
        for module in (loop, guesswork):
            monkeypatch.setattr(module, "time", time)

    def slow_down(self, engine: FakeEngine, step_us: int, row_us: int) -> FakeEngine:
        """A decode of the engine takes so long, and each token after the first so much longer."""

        def decode(slices: Sequence[Slice]) -> None:
            self.now_us += step_us + row_us * (sum(len(piece.tokens) for piece in slices) - 1)

        engine.in_decode = decode
        return engine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def time_per_token(
    clock: Clock, draft: FakeEngine | None, *, row_us: int = 500, num_answers: int = 1
) -> float:
    """Of answers of 500 tokens, in steps of a model on which a token more takes so long."""
    engine = clock.slow_down(FakeEngine(SETTINGS, answer_length=NEVER), STEP_US, row_us)
    told = Told(num_answers)
    running = loop.Loop(engine, told, Drafter(draft, VOCABULARY) if draft else None)
    told.stop = running.stop
    began_us = clock.now_us
    for id in range(num_answers):
        running.submit(given_answer(id, f"hello {id}", max_tokens=500))
    running.run()
    assert told.texts[0] == expected_answer(b"hello 0", 500, NEVER)
    return (clock.now_us - began_us) / 500


def given_draft(clock: Clock, round_us: int, *, is_right: bool = True) -> FakeEngine:
    draft = FakeEngine(SETTINGS, answer_length=NEVER if is_right else 1)
    return clock.slow_down(draft, round_us, 50)


def test_fast_draft_that_is_right_makes_an_answer_several_times_faster(clock: Clock) -> None:
    assert time_per_token(clock, given_draft(clock, 500)) < STEP_US / 3


@pytest.mark.parametrize(
    ("round_us", "row_us", "is_right"),
    [(9_000, 500, True), (500, 9_700, True), (500, 500, False)],
    ids=["slow draft", "dear rows", "always wrong"],
)
def test_draft_that_does_not_pay_costs_little(
    clock: Clock, round_us: int, row_us: int, is_right: bool
) -> None:
    draft = given_draft(clock, round_us, is_right=is_right)
    assert time_per_token(clock, draft, row_us=row_us) < 1.06 * STEP_US


def test_draft_rests_while_many_answer(clock: Clock) -> None:
    alone = time_per_token(clock, None, row_us=4000, num_answers=6)
    assert time_per_token(clock, given_draft(clock, 500), row_us=4000, num_answers=6) < 1.03 * alone


def test_draft_computes_with_as_many_threads_as_its_model(clock: Clock) -> None:
    draft = given_draft(clock, 500)
    clock.num_cores = 1
    time_per_token(clock, draft)
    assert draft.num_threads == 1
