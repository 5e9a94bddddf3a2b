"""Who gets a lane and cells, in which order, and who makes way. Any schedule is in test_any_schedule.py."""

from __future__ import annotations

import pytest
from hobd.worker.lanes import Forget
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import EndReason, Sequence, State

END = 0
LANES, CELLS, CONTEXT, BATCH, CHUNK = 3, 40, 24, 8, 4


def given_scheduler(**changes: int) -> Scheduler:
    sizes = {"num_lanes": LANES, "total_cells": CELLS, "context_tokens": CONTEXT, "batch_tokens": BATCH}
    return Scheduler(**(sizes | {"chunk_tokens": CHUNK} | changes), is_end=lambda token: token == END)


def given_sequence(id: int, length: int = 3, **options: int) -> Sequence:
    return Sequence(id, [7] * length, **options)


def step(scheduler: Scheduler, token: int = 7) -> list[EndReason | None]:
    plan = scheduler.plan()
    assert plan is not None
    wanted = sum(work.wants_logits for work in plan.work)
    return [outcome.end for outcome in scheduler.commit(plan, [token] * wanted)]


def test_prompt_longer_than_a_batch_is_computed_in_chunks() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, length=20))
    counts = []
    for _ in range(3):
        plan = scheduler.plan()
        assert plan is not None
        counts.append((plan.work[0].count, plan.work[0].wants_logits))
        scheduler.commit(plan, [7] * plan.work[0].wants_logits)
    assert counts == [(8, False), (8, False), (4, True)]


def test_chunk_shrinks_while_somebody_is_answered() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1))
    step(scheduler)
    scheduler.submit(given_sequence(2, length=20))
    plan = scheduler.plan()
    assert plan is not None
    assert [(work.sequence.id, work.count) for work in plan.work] == [(1, 1), (2, CHUNK)]


def test_smaller_priority_goes_first_whatever_came_first() -> None:
    scheduler = given_scheduler(num_lanes=1)
    for id, priority in ((1, 1), (2, 2), (3, 0)):
        scheduler.submit(given_sequence(id, priority=priority, max_tokens=1))
    order = []
    while (plan := scheduler.plan()) is not None and plan.work:
        order.append(plan.work[0].sequence.id)
        scheduler.commit(plan, [7])
    assert order == [3, 1, 2]


def test_cancel_frees_lane_before_next_step() -> None:
    scheduler = given_scheduler(num_lanes=1)
    scheduler.submit(given_sequence(1))
    step(scheduler)
    scheduler.submit(given_sequence(2))
    assert scheduler.finish(1)
    plan = scheduler.plan()
    assert plan is not None
    assert plan.changes == [Forget(0)] and [work.sequence.id for work in plan.work] == [2]


def test_freed_lane_is_forgotten_even_when_nobody_waits_for_it() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, max_tokens=1))
    assert step(scheduler) == [EndReason.MAX_TOKENS]
    plan = scheduler.plan()
    assert plan is not None and plan.changes == [Forget(0)] and plan.work == []
    assert scheduler.plan() is None


def test_last_in_rank_is_preempted_when_cells_run_out_and_resumes_whole() -> None:
    scheduler = given_scheduler(total_cells=24)
    first, last = given_sequence(1, length=10), given_sequence(2, length=10)
    scheduler.submit(first)
    scheduler.submit(last)
    while first.state is not State.ENDED:
        step(scheduler)
        scheduler.check()
    assert last.num_preemptions > 0 and first.num_preemptions == 0
    assert last.tokens[:10] == [7] * 10 and last.num_generated > 0


@pytest.mark.parametrize(
    ("options", "token", "reason"),
    [
        ({}, END, EndReason.EOS),
        ({"max_tokens": 1}, 7, EndReason.MAX_TOKENS),
        ({"length": CONTEXT - 1}, 7, EndReason.CONTEXT_FULL),
        ({"ignore_eos": True, "max_tokens": 5}, END, None),
    ],
    ids=["end token", "max tokens", "context full", "end token ignored"],
)
def test_reasons_to_end(options: dict[str, int], token: int, reason: EndReason | None) -> None:
    scheduler = given_scheduler(batch_tokens=CONTEXT)
    scheduler.submit(given_sequence(1, **options))
    assert step(scheduler, token) == [reason]


def test_prompt_without_room_for_an_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        given_scheduler().submit(given_sequence(1, length=CONTEXT))
