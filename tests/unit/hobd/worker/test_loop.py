"""The decode loop against the fake engine: who gets what, when it ends, what cancelling does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hobd.wire import messages as m
from hobd.worker import loop as loop_module
from hobd.worker import sequence as sequences
from hobd.worker.answer import Answer
from hobd.worker.engine import Engine, EngineError, Settings, Slice, Stowed
from hobd.worker.loop import Loop

from tests.fakes.engine import FakeEngine, expected_answer

SETTINGS = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=100)


class Told:
    """Collects the loop's frames and stops it when everybody's end was told."""

    def __init__(self, num_answers: int) -> None:
        self.texts: dict[int, str] = {}
        self.ends: dict[int, m.End] = {}
        self.deltas: list[m.Delta] = []
        self.steps: list[m.Step] = []
        self.stop: Callable[[], None] = lambda: None
        self.num_answers = num_answers

    def __call__(self, step: m.Message) -> None:
        assert isinstance(step, m.Step)
        self.steps.append(step)
        for delta in step.deltas:
            assert delta.id not in self.ends, "nothing may come after the end"
            self.deltas.append(delta)
            self.texts[delta.id] = self.texts.get(delta.id, "") + delta.text
        self.ends |= {end.id: end for end in step.ends}
        if len(self.ends) == self.num_answers:
            self.stop()


def ask(loop: Loop, told: Told, answer: Answer) -> m.End:
    """One more answer of a loop that answered others before."""
    told.num_answers = len(told.ends) + 1
    told.stop = loop.stop
    loop.submit(answer)
    loop.run()
    return told.ends[answer.sequence.id]


def given_answer(id: int, prompt: str, *, domain: str = "", **limits: object) -> Answer:
    bounds = m.Limits(**({"max_tokens": 12} | limits))
    sequence = sequences.Sequence(id, list(prompt.encode()), max_tokens=bounds.max_tokens, domain=domain)
    return Answer(sequence, None, bounds, now_ns=0)


def run(answers: list[Answer], engine: Engine | None = None) -> Told:
    told = Told(len(answers))
    loop = Loop(engine or FakeEngine(SETTINGS), told)
    told.stop = loop.stop
    for answer in answers:
        loop.submit(answer)
    loop.run()
    return told


def test_long_prompt_shows_that_steps_get_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a broker that waits for the first word would take it for a worker that hangs."""
    monkeypatch.setattr(loop_module, "ALIVE_EVERY_NS", 0)
    told = run([given_answer(1, "x" * 60, max_tokens=1)], FakeEngine(replace(SETTINGS, batch_tokens=8)))
    quiet = [step for step in told.steps if not (step.begun or step.deltas or step.ends)]
    assert len(quiet) > 3 and all(step.tally.num_running == 1 for step in quiet)


def test_each_of_many_gets_its_own_answer() -> None:
    prompts = {id: f"prompt {id} " * (1 + id % 4) for id in range(1, 17)}
    told = run([given_answer(id, prompt) for id, prompt in prompts.items()])
    assert {id: told.texts.get(id, "") for id in prompts} == {
        id: expected_answer(prompt.encode(), 12) for id, prompt in prompts.items()
    }


def test_answers_survive_preemption_unchanged() -> None:
    told = run([given_answer(id, "abc" * 8 + str(id), max_tokens=30) for id in range(1, 5)])
    for id in range(1, 5):
        assert told.texts[id] == expected_answer(("abc" * 8 + str(id)).encode(), 30)


def test_stop_string_ends_before_itself() -> None:
    whole = expected_answer(b"hello", 12)
    stop = whole[3:5]
    told = run([given_answer(1, "hello", stop=(stop,))])
    assert told.texts[1] == whole[: whole.index(stop)]
    assert (told.ends[1].reason, told.ends[1].stop) == ("stop", stop)


def test_counts_add_up_to_the_receipt() -> None:
    told = run([given_answer(1, "hello", max_tokens=5)])
    assert sum(delta.num_tokens for delta in told.deltas) == told.ends[1].num_completion_tokens == 5
    assert told.ends[1].num_prompt_tokens == 5


def test_logprobs_come_with_their_tokens() -> None:
    told = run([given_answer(1, "hello", max_tokens=3, logprobs=2)])
    entries = [entry for delta in told.deltas for entry in delta.logprobs]
    assert [len(entry.top) for entry in entries] == [2, 2, 2]
    assert b"".join(entry.token for entry in entries).decode() == told.texts[1]


def test_answer_that_was_cancelled_on_its_way_ends_without_a_lane() -> None:
    answer = given_answer(1, "hello")
    answer.is_cancelled = True
    told = run([answer, given_answer(2, "hello there")])
    assert told.ends[1].reason == "cancelled" and 1 not in told.texts
    assert all(1 not in step.begun for step in told.steps) and told.ends[2].reason != "cancelled"


def test_cancel_during_a_prefill_interrupts_it_and_spares_the_others() -> None:
    engine = FakeEngine(SETTINGS)
    told = Told(2)
    loop = Loop(engine, told)
    told.stop = loop.stop
    loop.submit(given_answer(1, "hello"))
    loop.submit(given_answer(2, "x" * 50))
    engine.in_decode = lambda slices: (
        loop.cancel(2) if len(slices[-1].tokens) > 1 and slices[-1].lane else None
    )
    loop.run()
    assert told.ends[2].reason == "cancelled" and told.ends[2].num_completion_tokens == 0
    assert told.texts[1] == expected_answer(b"hello", 12)


@pytest.mark.parametrize("prompt", ["hello", "x" * 50], ids=["answering", "computing its prompt"])
def test_cancelled_answer_leaves_no_cells(prompt: str) -> None:
    engine = FakeEngine(SETTINGS)
    told = Told(1)
    loop = Loop(engine, told)
    told.stop = loop.stop
    loop.submit(given_answer(1, prompt, max_tokens=None))
    engine.in_decode = lambda slices: loop.cancel(1) if slices[0].start else None
    loop.run()
    loop.submit(given_answer(2, "a", max_tokens=1))
    told.stop = loop.stop
    engine.in_decode = lambda slices: loop.stop()
    loop.run()
    assert told.ends[1].reason == "cancelled"
    assert engine.used_cells <= 1


def test_answers_are_the_same_with_shared_prefixes_and_too_few_cells() -> None:
    prompts = {id: "a system prompt " * (1 + id % 2) + f"question {id}" for id in range(1, 25)}
    answers = [given_answer(id, prompt, domain="a", max_tokens=14) for id, prompt in prompts.items()]
    told = run(answers)
    for id, prompt in prompts.items():
        assert told.texts.get(id, "") == expected_answer(prompt.encode(), 14)


def test_prefix_of_requests_that_come_together_is_computed_once() -> None:
    engine = FakeEngine(SETTINGS)
    prefix = "you are a helpful assistant, patient and very brief "
    told = run(
        [given_answer(id, prefix + chr(id + 64), domain="a", max_tokens=1) for id in range(1, 9)], engine
    )
    assert engine.num_computed == len(prefix) + 8
    assert sorted(end.num_cached_tokens for end in told.ends.values()) == [0] + [len(prefix)] * 7


def test_next_turn_of_a_conversation_computes_only_what_is_new() -> None:
    told = Told(1)
    loop = Loop(FakeEngine(SETTINGS), told)
    first = "tell me something about rivers"
    end = ask(loop, told, given_answer(1, first, domain="a", max_tokens=5))
    assert end.num_completion_tokens == 5
    end = ask(loop, told, given_answer(2, first + told.texts[1] + " and lakes", domain="a", max_tokens=1))
    assert end.num_cached_tokens == len(first) + 4  # the answer's last token was never computed


def test_incognito_leaves_no_cells_and_finds_none() -> None:
    engine = FakeEngine(SETTINGS)
    told = Told(1)
    loop = Loop(engine, told)
    for id in (1, 2):
        end = ask(loop, told, given_answer(id, "the same long secret prompt", max_tokens=1))
        assert end.num_cached_tokens == 0
    ask(loop, told, given_answer(3, "x", max_tokens=1))
    assert engine.used_cells == 1  # the last one's, until the next step


def test_engine_and_scheduler_agree_on_cells_after_interrupts() -> None:
    engine = FakeEngine(SETTINGS)
    steps: list[m.Step] = []
    told = Told(8)
    loop = Loop(engine, lambda step: (steps.append(step), told(step)))
    told.stop = loop.stop
    for id in range(1, 9):
        loop.submit(given_answer(id, "one and the same prompt " * (id % 3) + str(id), domain="a"))
    engine.in_decode = lambda slices: loop.cancel(1 + engine.num_computed % 8) if slices[0].start else None
    loop.run()
    assert steps[-1].tally.used_cells == steps[-1].tally.cached_cells == engine.used_cells > 0


def test_worker_whose_accounts_do_not_balance_ends() -> None:
    engine, told = FakeEngine(SETTINGS), Told(2)
    loop = Loop(engine, told)
    loop.submit(given_answer(1, "hello", domain="a"))
    engine.length = lambda lane: 7  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="do not balance"):
        loop.run()
    assert told.ends[1].reason


def test_better_class_does_not_wait_for_a_step_of_lesser_ones() -> None:
    engine, told = FakeEngine(SETTINGS), Told(2)
    loop = Loop(engine, told)
    told.stop = loop.stop
    urgent = given_answer(2, "now")
    urgent.sequence.priority = 0
    steps: list[list[int]] = []

    def in_decode(slices: Sequence[Slice]) -> None:
        steps.append([len(piece.tokens) for piece in slices])
        if len(steps) == 1:
            loop.submit(urgent)  # from the intake's thread, as it were

    engine.in_decode = in_decode
    loop.submit(given_answer(1, "patience " * 3))
    loop.run()
    assert steps[:3] == [[27], [3], [1, 27]], "the step is given up, and the urgent prompt goes alone"
    assert told.texts == {1: expected_answer(b"patience " * 3, 12), 2: expected_answer(b"now", 12)}


def test_step_that_cannot_be_taken_back_is_not_interrupted_by_a_cancellation() -> None:
    engine, told = FakeEngine(SETTINGS), Told(1)
    engine.facts = replace(engine.facts, steps_back=False)
    loop = Loop(engine, told)
    told.stop = loop.stop
    interrupted: list[bool] = []

    def in_decode(_: Sequence[Slice]) -> None:
        loop.cancel(1)
        interrupted.append(engine.is_interrupted)

    engine.in_decode = in_decode
    loop.submit(given_answer(1, "hello"))
    loop.run()
    assert interrupted[0] is False and told.ends[1].reason == "cancelled"


def test_all_prefixes_but_the_last_used_are_put_away_when_there_is_nothing_else_to_do() -> None:
    engine, told = FakeEngine(replace(SETTINGS, stash_bytes=1000)), Told(9)
    loop, stow, stowed = Loop(engine, told), engine.stow, []

    def then_stop(lane: int) -> Stowed:
        loop.stop()
        stowed.append(stow(lane))
        return stowed[-1]

    engine.stow = then_stop  # type: ignore[method-assign]
    for id, prompt in ((1, "the first of all"), (2, "and then another")):
        loop.submit(given_answer(id, prompt * 2, domain="a", max_tokens=2))
    loop.run()
    assert bytes(stowed[0].cast("H").tolist()).startswith(b"the first of all") and len(stowed) == 1


def test_all_threads_are_tried_again_after_a_pause() -> None:
    engine, told, seen = FakeEngine(SETTINGS), Told(1), []

    def starve(slices: Sequence[Slice]) -> None:
        seen.append(engine.num_threads)
        time.sleep(0.03)  # in which no thread gets a core

    engine.in_decode = starve
    loop = Loop(engine, told)
    ask(loop, told, given_answer(1, "abc", max_tokens=6))
    assert engine.num_threads == 1
    time.sleep(0.3)
    seen.clear()
    ask(loop, told, given_answer(2, "abc", max_tokens=1))
    assert seen[0] == 2
