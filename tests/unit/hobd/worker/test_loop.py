"""The decode loop against the fake engine: who gets what, when it ends, what cancelling does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hobd.wire import messages as m
from hobd.worker.answer import Answer
from hobd.worker.engine import Settings
from hobd.worker.loop import Loop
from hobd.worker.sequence import Sequence

from tests.fakes.engine import FakeEngine, expected_answer

SETTINGS = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=100)


class Told:
    """Collects the loop's frames and stops it when everybody's end was told."""

    def __init__(self, num_answers: int) -> None:
        self.texts: dict[int, str] = {}
        self.ends: dict[int, m.End] = {}
        self.deltas: list[m.Delta] = []
        self.stop: Callable[[], None] = lambda: None
        self._num_answers = num_answers

    def __call__(self, step: m.Message) -> None:
        assert isinstance(step, m.Step)
        for delta in step.deltas:
            assert delta.id not in self.ends, "nothing may come after the end"
            self.deltas.append(delta)
            self.texts[delta.id] = self.texts.get(delta.id, "") + delta.text
        self.ends |= {end.id: end for end in step.ends}
        if len(self.ends) == self._num_answers:
            self.stop()


def given_answer(id: int, prompt: str, **limits: object) -> Answer:
    bounds = m.Limits(**({"max_tokens": 12} | limits))
    sequence = Sequence(id, list(prompt.encode()), max_tokens=bounds.max_tokens)
    return Answer(sequence, None, bounds, now_ns=0)


def run(answers: list[Answer], engine: FakeEngine | None = None) -> Told:
    told = Told(len(answers))
    loop = Loop(engine or FakeEngine(SETTINGS), told)
    told.stop = loop.stop
    for answer in answers:
        loop.submit(answer)
    loop.run()
    return told


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
