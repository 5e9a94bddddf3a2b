"""How many guesses are computed: as many as make the answers faster, for what they cost here."""

from __future__ import annotations

import pytest
from hobd.worker.drafting import MAX_DRAFTS, Drafting, num_worthwhile
from hobd.worker.lookup import Lookup
from hobd.worker.pace import Pace
from hobd.worker.plan import Work
from hobd.worker.sequence import Sequence
from hypothesis import given
from hypothesis import strategies as st

END = 0
CONTEXT = 100


def given_pace(draft_share: float) -> Pace:
    """Of a machine on which each guess takes so much of a step's time."""
    pace = Pace(64, 512)
    for _ in range(100):
        pace.note(0, 10_000, is_mixed=True)
        pace.note(0, int(10_000 + 30_000 * draft_share), is_mixed=True, num_drafts=3)
    return pace


def given_answer(tokens: list[int], *, trust: float, max_tokens: int | None = None) -> Sequence:
    sequence = Sequence(1, tokens, max_tokens=max_tokens)
    sequence.lookup = Lookup(sequence.tokens)
    sequence.lookup.trust = trust
    return sequence


def plan(draft_share: float, answers: list[Sequence], most: int = 512) -> list[Work]:
    return Drafting(given_pace(draft_share), CONTEXT, lambda token: token == END).plan(answers, most)


REPEATING = [1, 2, 3, 4, 5, 6, 7, 8] * 3


def test_cheap_guesses_of_a_repeating_text_are_computed() -> None:
    (work,) = plan(0.05, [given_answer(REPEATING, trust=0.9)])
    assert work.drafts == REPEATING[:MAX_DRAFTS]
    assert work.num_rows == work.count == 1 + MAX_DRAFTS


@pytest.mark.parametrize(("draft_share", "trust"), [(0.9, 0.8), (0.05, 0.04)], ids=["dear", "wrong"])
def test_guesses_that_do_not_pay_are_left(draft_share: float, trust: float) -> None:
    (work,) = plan(draft_share, [given_answer(REPEATING, trust=trust)])
    assert not work.drafts and work.num_rows == work.count == 1


def test_many_answers_leave_no_time_for_guesses() -> None:
    works = plan(0.3, [given_answer(REPEATING, trust=0.95) for _ in range(8)])
    assert not any(work.drafts for work in works)


def test_no_guess_goes_beyond_the_answers_end() -> None:
    assert len(plan(0.0, [given_answer(REPEATING, trust=0.99, max_tokens=3)])[0].drafts) == 2
    ending = [1, 2, 3, 4, END, 6, 1, 2, 3]
    assert list(plan(0.0, [given_answer(ending, trust=0.99)])[0].drafts) == [4]
    full = [*range(1, 90), 1, 2, 3, *range(200, 204), 1, 2, 3]
    assert len(full) == CONTEXT - 1
    assert not plan(0.0, [given_answer(full, trust=0.99)])[0].drafts


def test_batch_is_never_overfilled() -> None:
    works = plan(0.0, [given_answer(REPEATING, trust=0.99) for _ in range(4)], most=9)
    assert sum(work.count for work in works) == 9


@given(
    trust=st.floats(0, 1), token_us=st.floats(0, 1e6), draft_us=st.floats(0.001, 1e6), limit=st.integers(0, 9)
)
def test_the_last_guess_pays_and_one_more_would_not(
    trust: float, token_us: float, draft_us: float, limit: int
) -> None:
    count = num_worthwhile(trust, token_us=token_us, draft_us=draft_us, limit=limit)
    assert 0 <= count <= limit
    assert count == 0 or trust**count * token_us >= draft_us * 0.999
    assert count == limit or trust ** (count + 1) * token_us <= draft_us * 1.001
