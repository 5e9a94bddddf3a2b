"""Answers of several variants of a model under way: the loop with the fake engine."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hobd.worker.engine import Settings, Slice
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import Sequence as Generation
from hobd.worker.sequence import State
from hobd.worker.variants import BASE, Variant, domain_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine, expected_answer
from tests.unit.hobd.worker.test_loop import given_answer, run

SMALL = Settings(num_lanes=2, batch_tokens=32, context_tokens=48, kv_cells=48)
LARGE = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=150)
X, Y = (("x", 1.0),), (("x", 0.5), ("y", -1.0))
variants = st.sampled_from([BASE, X, Y])


def given_engine(of: Settings) -> FakeEngine:
    engine = FakeEngine(of)
    engine.adopted = {"x": "ok", "y": "ok"}
    return engine


@pytest.mark.parametrize("of", [SMALL, LARGE], ids=["short of cells", "roomy"])
@settings(max_examples=60, deadline=None)
@given(wanted=st.lists(st.tuples(st.text("ab", min_size=1, max_size=20), variants), min_size=1, max_size=6))
def test_every_answer_is_what_its_variant_says_alone(of: Settings, wanted: list[tuple[str, Variant]]) -> None:
    answers = []
    for id, (prompt, variant) in enumerate(wanted):
        answer = given_answer(id, prompt)
        answer.sequence.variant, answer.sequence.domain = variant, domain_of(variant, "owner:")
        answers.append(answer)
    told = run(answers, given_engine(of))
    for id, (prompt, variant) in enumerate(wanted):
        assert told.texts.get(id, "") == expected_answer(prompt.encode(), 12, variant=variant)


def test_engine_is_told_of_a_variant_only_when_it_changes() -> None:
    engine, calls = given_engine(LARGE), list[Variant]()
    engine.become = calls.append  # type: ignore[method-assign]
    run([given_answer(0, "hello"), given_answer(1, "there")], engine)
    assert not calls


def test_answers_of_one_variant_share_steps() -> None:
    engine, steps = given_engine(LARGE), list[int]()

    def count(slices: Sequence[Slice]) -> None:
        steps.append(len(slices))

    engine.in_decode = count
    answers = [given_answer(id, "hello" * 3, ignore_eos=True) for id in range(3)]
    for answer in answers:
        answer.sequence.variant = X
    run(answers, engine)
    assert max(steps) == 3 and len(steps) < 20


def test_step_finds_work_though_cells_run_out_between_variants() -> None:
    scheduler = Scheduler(
        num_lanes=2,
        total_cells=30,
        context_tokens=30,
        batch_tokens=8,
        chunk_tokens=2,
        is_end=lambda token: False,
    )
    first, second = Generation(1, [5] * 24, variant=X), Generation(2, [6] * 4, variant=Y)
    scheduler.submit(first)
    scheduler.submit(second)
    while first.state is not State.DECODE:
        plan = scheduler.plan()
        assert plan is not None and plan.work, "the first in rank always gets on"
        scheduler.commit(plan, [[7] for work in plan.work if work.num_rows])
    assert second.num_preemptions == 1
