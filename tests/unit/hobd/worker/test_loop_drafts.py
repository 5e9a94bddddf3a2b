"""Guessing ahead changes no answer: the loop with guesses against what the fake engine says alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hobd.worker import drafting
from hobd.worker.engine import Settings
from hobd.worker.lookup import Lookup
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine, expected_answer
from tests.unit.hobd.worker.test_loop import Told, given_answer, run

SETTINGS = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=150)


@pytest.fixture(autouse=True, scope="module")
def every_guess_is_computed() -> Iterator[None]:
    """Whether it would pay or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafting, "num_worthwhile", lambda *_, limit, **__: limit)
        yield


class Oracle(Lookup):
    """Foretells the answer, but for the places in `wrong`."""

    def __init__(self, tokens: list[int], answer: str, wrong: set[int]) -> None:
        super().__init__(tokens)
        self._prompt = len(tokens)
        self._answer = [token + (at in wrong) for at, token in enumerate(answer.encode())]
        self._all = tokens

    def propose(self, limit: int) -> list[int]:
        done = len(self._all) - self._prompt
        return self._answer[done : done + max(0, limit)]


def run_with_oracle(prompts: list[str], wrong: set[int], *, engine: FakeEngine, **limits: object) -> Told:
    answers = [given_answer(id, prompt, **limits) for id, prompt in enumerate(prompts)]
    for answer, prompt in zip(answers, prompts, strict=True):
        told = expected_answer(prompt.encode(), 40)
        answer.sequence.lookup = Oracle(answer.sequence.tokens, told, wrong)
    return run(answers, engine)


@settings(deadline=None)
@given(
    prompts=st.lists(st.text("abc", min_size=1, max_size=20), min_size=1, max_size=6),
    wrong=st.sets(st.integers(0, 40)),
    max_tokens=st.integers(1, 40),
)
def test_answers_are_the_same_whatever_was_guessed(
    prompts: list[str], wrong: set[int], max_tokens: int
) -> None:
    told = run_with_oracle(prompts, wrong, engine=FakeEngine(SETTINGS), max_tokens=max_tokens)
    for id, prompt in enumerate(prompts):
        text = expected_answer(prompt.encode(), max_tokens)
        assert told.texts.get(id, "") == text
        assert told.ends[id].num_completion_tokens == len(text)


def test_right_guesses_save_steps() -> None:
    def count_steps(wrong: set[int]) -> int:
        engine, steps = FakeEngine(SETTINGS, answer_length=10**9), []
        engine.in_decode = steps.append
        prompt = "hello"
        answer = given_answer(1, prompt, max_tokens=40)
        text = expected_answer(prompt.encode(), 40, 10**9)
        answer.sequence.lookup = Oracle(answer.sequence.tokens, text, wrong)
        assert run([answer], engine).texts[1] == text
        return len(steps)

    assert count_steps(set()) < 25 < 40 <= count_steps(set(range(40)))


def test_stop_string_among_the_guesses_ends_before_itself() -> None:
    whole = expected_answer(b"hello", 12)
    told = run_with_oracle(["hello"], set(), engine=FakeEngine(SETTINGS), stop=(whole[3:5],))
    assert told.texts[0] == whole[: whole.index(whole[3:5])]
    assert told.ends[0].num_completion_tokens == whole.index(whole[3:5]) + 2


def test_what_was_guessed_is_told() -> None:
    engine = FakeEngine(SETTINGS, answer_length=10**9)
    answer = given_answer(1, "hello", max_tokens=40)
    answer.sequence.lookup = Oracle(answer.sequence.tokens, expected_answer(b"hello", 40, 10**9), {20})
    tally = run([answer], engine).steps[-1].tally
    assert 0 < tally.num_accepted_tokens < tally.num_drafted_tokens
