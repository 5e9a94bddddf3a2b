"""Who gets a lane and cells, in which order, and who makes way. Any schedule is in test_any_schedule.py."""

from __future__ import annotations

from typing import Any

import pytest
from hobd.worker.lanes import Copy, Forget
from hobd.worker.plan import Plan
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import EndReason, Sequence, State

END = 0
LANES, CELLS, CONTEXT, BATCH, CHUNK = 3, 40, 24, 8, 4


def given_scheduler(**changes: int) -> Scheduler:
    sizes = {"num_lanes": LANES, "total_cells": CELLS, "context_tokens": CONTEXT, "batch_tokens": BATCH}
    return Scheduler(**(sizes | {"chunk_tokens": CHUNK} | changes), is_end=lambda token: token == END)


def given_sequence(id: int, length: int = 3, **options: Any) -> Sequence:
    return Sequence(id, [7] * length, **options)


def step(scheduler: Scheduler, token: int = 7) -> list[EndReason | None]:
    plan = scheduler.plan()
    assert plan is not None
    return [outcome.end for outcome in scheduler.commit(plan, sampled(plan, token))]


def sampled(plan: Plan, token: int = 7) -> list[list[int]]:
    """The same token for each answer."""
    return [[token] for work in plan.work if work.num_rows]


def test_prompt_longer_than_a_batch_is_computed_in_chunks() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, length=20))
    counts = []
    for _ in range(3):
        plan = scheduler.plan()
        assert plan is not None
        counts.append((plan.work[0].count, plan.work[0].num_rows))
        scheduler.commit(plan, sampled(plan))
    assert counts == [(8, 0), (8, 0), (4, 1)]


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
        scheduler.commit(plan, [[7]])
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


# ---------------------------------------------------------------------- classes, callers, patience


def run(scheduler: Scheduler, steps: int = 200) -> list[int]:
    """Ids in the order of their first computed tokens."""
    begun: list[int] = []
    for _ in range(steps):
        plan = scheduler.plan()
        if plan is None:
            break
        begun += [work.sequence.id for work in plan.work if work.sequence.id not in begun]
        scheduler.commit(plan, sampled(plan))
        scheduler.check()
    return begun


def test_interactive_arrival_takes_the_lane_of_the_last_batch_sequence() -> None:
    scheduler = given_scheduler(num_lanes=2)
    batch = [given_sequence(id, priority=2) for id in (1, 2)]
    for sequence in batch:
        scheduler.submit(sequence)
    step(scheduler)
    scheduler.submit(given_sequence(3, priority=0))
    plan = scheduler.plan()
    assert plan is not None
    assert [work.sequence.id for work in plan.work] == [3]  # the other one stands back for this step
    assert [sequence.num_preemptions for sequence in batch] == [0, 1]


def ids_of_step(scheduler: Scheduler) -> list[int]:
    plan = scheduler.plan()
    assert plan is not None
    scheduler.commit(plan, sampled(plan))
    return [work.sequence.id for work in plan.work]


def test_who_stands_back_for_a_long_prompt_gets_on_now_and_then() -> None:
    scheduler = given_scheduler(context_tokens=80, total_cells=100)
    scheduler.submit(given_sequence(1, priority=2))
    step(scheduler)
    scheduler.submit(given_sequence(2, length=60, priority=0))
    assert [1 in ids_of_step(scheduler) for _ in range(7)] == [False] * 4 + [True] + [False] * 2


def test_who_got_on_since_stands_back_for_the_next_arrival_too() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, priority=2))
    step(scheduler)
    for id in range(2, 10):
        scheduler.submit(given_sequence(id, priority=0, max_tokens=2))
        assert (ids_of_step(scheduler), ids_of_step(scheduler)) == ([id], [1, id])


def test_nobody_makes_way_for_its_own_class() -> None:
    scheduler = given_scheduler(num_lanes=1)
    first = given_sequence(1, priority=0, max_tokens=9)
    scheduler.submit(first)
    step(scheduler)
    scheduler.submit(given_sequence(2, priority=0))
    assert run(scheduler, 5) == [1] and first.num_preemptions == 0


def test_preempted_sequence_resumes_from_what_it_had_computed() -> None:
    scheduler = given_scheduler(num_lanes=1, num_cache_lanes=1, min_shared=2)
    batch = given_sequence(1, length=8, priority=2, domain="a")
    scheduler.submit(batch)
    step(scheduler)
    scheduler.submit(given_sequence(2, priority=0, max_tokens=1))
    step(scheduler)
    plan = scheduler.plan()
    assert plan is not None and batch.num_preemptions == 1
    assert [(work.sequence.id, work.start, work.count) for work in plan.work] == [(1, 8, 1)]


def test_callers_of_a_class_take_turns() -> None:
    scheduler = given_scheduler(num_lanes=1)
    for id in range(1, 5):
        scheduler.submit(given_sequence(id, caller="greedy", max_tokens=2))
    scheduler.submit(given_sequence(5, caller="modest", max_tokens=2))
    assert run(scheduler) == [1, 5, 2, 3, 4]


def test_batch_gets_on_under_an_endless_stream_of_interactive_requests() -> None:
    scheduler = given_scheduler(num_lanes=1, patience_steps=20)
    batch = given_sequence(1, priority=2, max_tokens=5)
    scheduler.submit(batch)
    for id in range(2, 40):
        scheduler.submit(given_sequence(id, priority=0, max_tokens=2))
        run(scheduler, 2)
    assert batch.state is State.ENDED


def test_only_one_sequence_at_a_time_has_grace() -> None:
    scheduler = given_scheduler(num_lanes=2, patience_steps=5)
    batch = [given_sequence(id, priority=2) for id in (1, 2, 3)]
    for sequence in [given_sequence(9, priority=1), given_sequence(8, priority=1), *batch]:
        scheduler.submit(sequence)
    run(scheduler, 12)
    assert [sequence.has_grace for sequence in batch] == [True, False, False]


def test_interactive_prompt_is_not_cut_short_for_batch_answers() -> None:
    scheduler = given_scheduler(batch_tokens=16)
    scheduler.submit(given_sequence(1, priority=2))
    step(scheduler)
    scheduler.submit(given_sequence(2, length=20, priority=0))
    plan = scheduler.plan()
    assert plan is not None and [work.count for work in plan.work] == [1, 15]


# ---------------------------------------------------------------------- shared prefixes


def given_sharing(**changes: int) -> Scheduler:
    return given_scheduler(**({"num_cache_lanes": 2, "min_shared": 2} | changes))


def test_next_turn_computes_only_what_is_new() -> None:
    scheduler = given_sharing()
    scheduler.submit(given_sequence(1, length=8, domain="a", max_tokens=1))
    step(scheduler)
    turn = Sequence(2, [7] * 8 + [8, 9, 9], domain="a")
    scheduler.submit(turn)
    plan = scheduler.plan()
    assert plan is not None and plan.changes == [Copy(0, 1, 8)]
    assert [(work.start, work.count) for work in plan.work] == [(8, 3)] and turn.num_cached == 8


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("", ""), ("", "a"), ("a", "")])
def test_prefixes_stay_in_their_domain(one: str, other: str) -> None:
    scheduler = given_sharing()
    scheduler.submit(given_sequence(1, length=8, domain=one, max_tokens=1))
    step(scheduler)
    second = given_sequence(2, length=8, domain=other)
    scheduler.submit(second)
    step(scheduler)
    assert second.num_cached == 0


def test_common_prefix_of_requests_that_arrive_together_is_computed_once() -> None:
    scheduler = given_sharing()
    together = [Sequence(id, [7] * 10 + [id], domain="a", max_tokens=1) for id in (1, 2, 3)]
    for sequence in together:
        scheduler.submit(sequence)
    plan = scheduler.plan()
    assert plan is not None and [work.sequence.id for work in plan.work] == [1]
    scheduler.commit(plan, [])
    run(scheduler)
    assert [sequence.num_cached for sequence in together] == [0, 10, 10]


def test_nobody_waits_for_a_prefix_that_a_lesser_class_computes() -> None:
    scheduler = given_sharing()
    scheduler.submit(Sequence(1, [7] * 20, domain="a", priority=2))
    step(scheduler)
    scheduler.submit(Sequence(2, [7] * 20 + [8], domain="a", priority=0))
    plan = scheduler.plan()
    assert plan is not None and plan.work[0].sequence.id == 2


def test_cached_prefixes_go_before_anybody_is_preempted() -> None:
    scheduler = given_sharing(total_cells=24)
    scheduler.submit(Sequence(1, [5] * 8, domain="a", max_tokens=1))
    step(scheduler)
    sequences = [Sequence(id, [id] * 7, domain="a", max_tokens=5) for id in (2, 3)]
    for sequence in sequences:
        scheduler.submit(sequence)
    run(scheduler)
    assert all(s.state is State.ENDED and s.num_preemptions == 0 for s in sequences)


def test_engine_without_room_gets_the_cached_cells_first() -> None:
    scheduler = given_sharing()
    scheduler.submit(given_sequence(1, length=8, domain="a", max_tokens=1))
    step(scheduler)
    assert scheduler.tally().cached_cells == 8
    assert scheduler.relieve() and scheduler.tally().cached_cells == 0
    assert not scheduler.relieve()


def crowded(*, batch_answers: int, prompt: int) -> list[tuple[int, int]]:
    """(id, tokens) of the first step after an interactive prompt joins batch answers, with ids from 1."""
    scheduler = given_scheduler(num_lanes=5, total_cells=200, context_tokens=100, batch_tokens=64)
    for id in range(1, batch_answers + 1):
        scheduler.submit(given_sequence(id, priority=2))
    step(scheduler)
    scheduler.submit(given_sequence(9, length=prompt, priority=0))
    plan = scheduler.plan()
    assert plan is not None
    return [(work.sequence.id, work.count) for work in plan.work]


def test_answers_of_a_lesser_class_stand_back_for_a_short_prompt() -> None:
    assert crowded(batch_answers=3, prompt=6) == [(9, 6)]


def test_answers_that_a_long_prompt_does_not_notice_go_on() -> None:
    assert crowded(batch_answers=3, prompt=40) == [(1, 1), (2, 1), (3, 1), (9, 40)]


def test_answers_of_a_lesser_class_get_on_under_an_endless_row_of_short_prompts() -> None:
    scheduler = given_scheduler(num_lanes=2)
    patient = given_sequence(1, priority=2)
    scheduler.submit(patient)
    step(scheduler)
    for id in range(2, 42):
        scheduler.submit(given_sequence(id, priority=0, max_tokens=1))
        step(scheduler)
    assert patient.num_generated >= 8


def test_sequence_that_begins_anew_is_computed_as_it_was() -> None:
    scheduler = given_scheduler(batch_tokens=64, context_tokens=100, total_cells=100)
    scheduler.submit(Sequence(1, [7] * 20, generated=[7] * 19))
    counts = []
    for _ in range(4):
        plan = scheduler.plan()
        assert plan is not None
        counts.append(plan.work[0].count)
        scheduler.commit(plan, sampled(plan))
    assert counts == [20, 8, 8, 3], "the prompt by itself, and so few of the answer as round like one"
