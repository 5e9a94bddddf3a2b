"""When the draft model works: where it pays, for what it costs here, and now and then to see if it does."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hobd.worker.foresight import MOST_PENDING, Foresight, Wishes
from hobd.worker.lookup import Lookup
from hobd.worker.pace import Pace
from hobd.worker.sequence import Sequence, State
from hobd.worker.shadow import Shadow, Trust
from hypothesis import given
from hypothesis import strategies as st

STEP_US = 10_000
CONTEXT = 4000


def given_foresight(*, draft_share: float, round_share: float) -> Foresight:
    """On a machine where a drafted row and a round of the draft model take so much of a step."""
    pace = Pace(64, 512)
    for _ in range(100):
        pace.note(0, STEP_US, is_mixed=True)
        pace.note(0, int(STEP_US * (1 + 3 * draft_share)), is_mixed=True, num_drafts=3)
    foresight = Foresight(pace, context_tokens=CONTEXT, num_lanes=4, batch_tokens=128)
    for _ in range(100):
        foresight.note_guessed(2, int(2 * STEP_US * round_share))
    return foresight


def given_answer(*, trust: float, num_prompt: int = 4, num_generated: int = 4, **limits: int) -> Sequence:
    tokens = [1] * num_prompt
    sequence = Sequence(1, tokens, generated=[*range(10, 10 + num_generated)], **limits)
    sequence.state = State.DECODE
    sequence.shadow = Shadow(sequence.tokens, 1 << 20, Trust(trust))
    return sequence


def count(wishes: Wishes) -> int:
    return sum(count for _, count in wishes.guesses)


def is_nothing(wishes: Wishes) -> bool:
    return not wishes.behind and not wishes.guesses


def test_good_guesses_of_a_fast_draft_are_wanted() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    assert count(foresight.wishes([given_answer(trust=0.9)])) == 7
    assert 1 <= count(foresight.wishes([given_answer(trust=0.6)])) <= 3


@pytest.mark.parametrize(
    ("draft_share", "round_share", "trust"),
    [(0.05, 1.0, 0.9), (0.7, 0.3, 0.8), (0.05, 0.1, 0.1)],
    ids=["slow draft", "dear rows", "wrong guesses"],
)
def test_what_does_not_pay_rests_after_a_few_tries(
    draft_share: float, round_share: float, trust: float
) -> None:
    foresight = given_foresight(draft_share=draft_share, round_share=round_share)
    answers = [given_answer(trust=trust)]
    tries = []
    for _ in range(1000):
        tries.append(count(foresight.wishes(answers)))
        foresight.note_guessed(tries[-1], int(tries[-1] * STEP_US * round_share))
    assert sum(map(bool, tries)) <= 100


def test_tries_become_rarer_while_they_are_in_vain() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    tries = [bool(count(foresight.wishes([given_answer(trust=0.1)]))) for _ in range(20_000)]
    begun = [at for at, (before, now) in enumerate(pairwise(tries)) if now and not before]
    gaps = [later - before for before, later in pairwise(begun)]
    assert gaps == sorted(gaps) and gaps[-1] > 4000


def test_guess_of_a_try_is_computed_once_to_see_what_it_costs() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    doubtful, good = given_answer(trust=0.1), given_answer(trust=0.9)
    foresight.wishes([doubtful])
    assert doubtful.shadow.is_on_trial
    foresight.wishes([doubtful, good])
    assert not doubtful.shadow.is_on_trial and not good.shadow.is_on_trial


def test_many_answers_leave_no_time_for_a_draft() -> None:
    foresight = given_foresight(draft_share=0.2, round_share=0.1)
    answers = [given_answer(trust=0.9) for _ in range(8)]
    assert foresight.wishes(answers[:1]).guesses
    assert is_nothing(foresight.wishes(answers))


def test_lookup_goes_first_where_it_is_trusted_more() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    answer = given_answer(trust=0.8)
    answer.lookup = Lookup([1, 2, 3, 4, 1, 2, 3])
    answer.lookup.trust = 0.9
    assert is_nothing(foresight.wishes([answer]))
    answer.lookup.trust = 0.7
    assert foresight.wishes([answer]).guesses


def test_nothing_is_foretold_beyond_an_answers_end_or_while_something_is_foretold() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    assert count(foresight.wishes([given_answer(trust=0.9, max_tokens=7)])) == 2
    assert is_nothing(foresight.wishes([given_answer(trust=0.9, max_tokens=5)]))
    answer = given_answer(trust=0.9)
    answer.shadow.hold(len(answer.tokens))
    answer.shadow.foretell(1)
    assert is_nothing(foresight.wishes([answer]))


def test_long_prompt_is_followed_once_the_answer_has_lasted() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    foresight.note_caught_up(100, 10 * STEP_US)  # a tenth of a step for each token
    young, old, ending = (
        given_answer(trust=0.9, num_prompt=1000, num_generated=10),
        given_answer(trust=0.9, num_prompt=1000, num_generated=900),
        given_answer(trust=0.9, num_prompt=1000, num_generated=900, max_tokens=910),
    )
    assert is_nothing(foresight.wishes([young])) and is_nothing(foresight.wishes([ending]))
    assert foresight.wishes([old]) == Wishes([old.shadow], [], [old.shadow])


@given(num_tokens=st.integers(8, 128), duration_us=st.integers(0, 10**7))
def test_chunk_is_bounded_and_takes_about_a_step(num_tokens: int, duration_us: int) -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    foresight.note_caught_up(num_tokens, duration_us)
    assert 16 <= foresight.chunk_tokens <= 128
    if 16 < foresight.chunk_tokens < 128:
        assert foresight.chunk_tokens * duration_us / num_tokens <= STEP_US * 1.01


def test_an_ordinary_step_leaves_nobody_behind() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    answer = given_answer(trust=0.9, num_prompt=100, num_generated=100)
    answer.shadow.hold(200 - MOST_PENDING)
    assert foresight.wishes([answer]).guesses and not foresight.wishes([answer]).behind


def test_slow_moment_puts_the_draft_to_rest_for_a_while_only() -> None:
    foresight = given_foresight(draft_share=0.05, round_share=0.1)
    foresight.note_guessed(1, 1000 * STEP_US)
    foresight.note_caught_up(16, 1000 * STEP_US)
    near, far = given_answer(trust=0.9), given_answer(trust=0.9, num_prompt=500, num_generated=100)
    assert is_nothing(foresight.wishes([near])) and is_nothing(foresight.wishes([far]))
    for _ in range(5000):
        foresight.wishes([near])
        foresight.wishes([far])
    assert foresight.wishes([near]).guesses and foresight.wishes([far]).behind
