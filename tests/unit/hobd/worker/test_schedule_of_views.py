"""When views are computed, how much of them at once, and what of them others may share."""

from __future__ import annotations

import pytest
from hobd.worker.plan import next_view
from hobd.worker.scheduler import Scheduler
from hobd.worker.sequence import Sequence
from hobd.worker.views import View, stand_ins

WHOLE = View(stand_ins(b"whole".ljust(16), 6), 3, is_whole=True)
LONG = View(stand_ins(b"long".ljust(16), 20), 20)
BATCH = 8


def given_scheduler(total_cells: int = 64) -> Scheduler:
    return Scheduler(
        num_lanes=2,
        num_cache_lanes=2,
        total_cells=total_cells,
        context_tokens=48,
        batch_tokens=BATCH,
        chunk_tokens=BATCH,
        min_shared=2,
        is_end=lambda token: token == 0,
    )


def given_sequence(id: int, *pieces: int | View, domain: str = "") -> Sequence:
    tokens = [token for piece in pieces for token in ([piece] if isinstance(piece, int) else piece.tokens)]
    views = {piece.tokens.start: piece for piece in pieces if isinstance(piece, View)}
    return Sequence(id, tokens, views=views, domain=domain)


def steps(scheduler: Scheduler, count: int) -> list[list[tuple[int, int]]]:
    """For each of so many steps, who computed how many tokens. Every answer is all nines."""
    told = []
    for _ in range(count):
        plan = scheduler.plan()
        assert plan is not None
        told.append([(work.sequence.id, work.count) for work in plan.work])
        scheduler.commit(plan, [[9] for work in plan.work if work.num_rows])
    return told


def test_words_and_views_come_in_steps_of_their_own() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, 5, 5, WHOLE, 6, LONG, 7))
    assert steps(scheduler, 7) == [[(1, n)] for n in (2, 6, 1, 8, 8, 4, 1)]


def test_answers_get_every_other_step_while_somebody_looks() -> None:
    scheduler = given_scheduler()
    scheduler.submit(given_sequence(1, 5, 5))
    steps(scheduler, 1)
    scheduler.submit(given_sequence(2, 6, LONG, 7))
    assert steps(scheduler, 6) == [[(1, 1), (2, 1)], [(2, 8)], [(1, 1)], [(2, 8)], [(1, 1)], [(2, 4)]]


@pytest.mark.parametrize(
    ("view", "limit", "count"),
    [(WHOLE, 5, None), (WHOLE, 6, 6), (WHOLE, 9, 6), (LONG, 5, 5), (LONG, 0, None)],
)
def test_view_that_cannot_be_cut_waits_until_all_of_it_fits(
    view: View, limit: int, count: int | None
) -> None:
    work = next_view(given_sequence(1, view, 7), limit)
    assert (work.count if work is not None else None) == count


def test_nobody_goes_on_from_within_anothers_view() -> None:
    scheduler = given_scheduler()
    first = given_sequence(1, 5, 5, LONG, 7, domain="a")
    scheduler.submit(first)
    steps(scheduler, 2)
    assert first.num_computed == 10
    second = given_sequence(2, 5, 5, LONG, 8, domain="a")
    match = scheduler._cache.find(second, [first])
    assert match is not None and match.count == 2
