"""A draft model changes no answer, right or wrong, and its failure ends none: the loop with fake engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hobd.worker import drafting, foresight
from hobd.worker.drafter import Drafter
from hobd.worker.engine import EngineError, Settings, Slice
from hobd.worker.lookup import Lookup
from hobd.worker.loop import Loop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine import VOCABULARY, FakeEngine, expected_answer
from tests.unit.hobd.worker.test_loop import Told, given_answer

SETTINGS = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=150)
SMALL = Settings(num_lanes=2, batch_tokens=32, context_tokens=48, kv_cells=48)


@pytest.fixture(autouse=True, scope="module")
def every_guess_is_made() -> Iterator[None]:
    """Whether it would pay or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "num_worthwhile", lambda *_, limit, **__: limit)
        patch.setattr(foresight, "_CATCH_UP_SHARE", float("inf"))
        yield


class Misled(FakeEngine):
    """Says what the other says, but at every `period`th question something else."""

    def __init__(self, period: int) -> None:
        super().__init__(SMALL)
        self._period = period
        self._num_asked = 0

    def greedy(self, num_rows: int) -> list[int]:
        tokens = super().greedy(num_rows)
        for row in range(num_rows):
            self._num_asked += 1
            if self._num_asked % self._period == 0:
                tokens[row] = self._num_asked % VOCABULARY
        return tokens


def run(
    prompts: list[str], engine: FakeEngine, draft: FakeEngine, *, has_lookup: bool = False, **limits
) -> Told:
    answers = [given_answer(id, prompt, **limits) for id, prompt in enumerate(prompts)]
    told = Told(len(answers))
    loop = Loop(engine, told, Drafter(draft, VOCABULARY))
    told.stop = loop.stop
    for answer in answers:
        if has_lookup:
            answer.sequence.lookup = Lookup(answer.sequence.tokens)
        loop.submit(answer)
    loop.run()
    return told


@settings(deadline=None)
@given(
    prompts=st.lists(st.text("abc", min_size=1, max_size=40), min_size=1, max_size=6),
    period=st.integers(1, 12),
    has_lookup=st.booleans(),
    max_tokens=st.integers(1, 40),
)
def test_answers_are_the_same_whatever_the_draft_says(
    prompts: list[str], period: int, has_lookup: bool, max_tokens: int
) -> None:
    draft = Misled(period)
    told = run(prompts, FakeEngine(SETTINGS), draft, has_lookup=has_lookup, max_tokens=max_tokens)
    for id, prompt in enumerate(prompts):
        assert told.texts.get(id, "") == expected_answer(prompt.encode(), min(max_tokens, 64 - len(prompt)))
    assert draft.used_cells == 0 and not told.steps[-1].tally.draft_problem


def test_right_guesses_save_steps() -> None:
    engine, steps = FakeEngine(SETTINGS, answer_length=10**9), []
    engine.in_decode = steps.append
    told = run(["hello"], engine, FakeEngine(SMALL, answer_length=10**9), max_tokens=40)
    assert told.texts[0] == expected_answer(b"hello", 40, 10**9)
    tally = told.steps[-1].tally
    assert len(steps) < 12 and tally.num_accepted_tokens == tally.num_drafted_tokens > 30


def test_long_prompt_is_followed_a_bounded_chunk_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a chunk takes is nothing here, and nothing can be told from it.
    monkeypatch.setattr(foresight.Foresight, "chunk_tokens", property(lambda self: 16))
    draft, largest = FakeEngine(SMALL), []
    draft.in_decode = lambda slices: largest.append(sum(len(piece.tokens) for piece in slices))
    told = run(["x" * 38], FakeEngine(SETTINGS, answer_length=10**9), draft, max_tokens=9)
    assert max(largest) <= 16 and told.ends[0].num_completion_tokens == 9


def test_preempted_answers_are_guessed_for_again_and_stay_the_same() -> None:
    prompts = ["abc" * 8 + str(id) for id in range(4)]
    told = run(prompts, FakeEngine(SETTINGS), Misled(3), max_tokens=30)
    assert [told.texts[id] for id in range(4)] == [expected_answer(p.encode(), 30) for p in prompts]


def test_draft_that_fails_is_done_without_and_says_why() -> None:
    draft, num_left = FakeEngine(SMALL), 5

    def fail(slices: Sequence[Slice]) -> None:
        nonlocal num_left
        num_left -= 1
        if num_left == 0:
            raise EngineError("broken")

    draft.in_decode = fail
    told = run(["hello", "you"], FakeEngine(SETTINGS), draft, max_tokens=40)
    assert [told.texts[id] for id in (0, 1)] == [expected_answer(b"hello", 40), expected_answer(b"you", 40)]
    assert "broken" in told.steps[-1].tally.draft_problem and draft.is_closed


def test_cancelled_answer_leaves_nothing_with_the_draft() -> None:
    engine, draft, told = FakeEngine(SETTINGS, answer_length=10**9), FakeEngine(SMALL), Told(1)
    loop = Loop(engine, told, Drafter(draft, VOCABULARY))
    told.stop = loop.stop
    draft.in_decode = lambda slices: loop.cancel(1) if slices[0].start else None
    loop.submit(given_answer(1, "hello", max_tokens=None))
    loop.run()
    assert told.ends[1].reason == "cancelled" and draft.num_computed > 0 == draft.used_cells
