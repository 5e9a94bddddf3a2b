"""Requests for vectors in the loop, against the fake engine: what comes, in what turns, and how it ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hobd.wire import messages as m
from hobd.worker.embedder import Span
from hobd.worker.engine import MemoryShort, Settings
from hobd.worker.loop import Loop
from hobd.worker.vector_intake import vector_job
from hobd.worker.vector_job import VectorJob
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine, expected_answer, token_vectors
from tests.unit.hobd.worker.test_loop import given_answer

SETTINGS = Settings(num_lanes=4, batch_tokens=32, context_tokens=64, kv_cells=100)


class Heard:
    """Collects what the loop says, and stops it when everything has ended."""

    def __init__(self, num_requests: int) -> None:
        self.vectors: dict[tuple[int, int], m.Vector] = {}
        self.order: list[int] = []
        self.text = ""
        self.ends: dict[int, m.End] = {}
        self.refused: dict[int, m.Refused] = {}
        self.num_requests = num_requests
        self.stop: Callable[[], None] = lambda: None

    def __call__(self, message: m.Message) -> None:
        if isinstance(message, m.Vectors):
            assert message.id not in self.ends, "nothing may come after the end"
            for vector in message.vectors:
                assert (message.id, vector.input) not in self.vectors, "nothing comes twice"
                self.vectors[message.id, vector.input] = vector
                self.order.append(message.id)
        elif isinstance(message, m.Refused):
            self.refused[message.id] = message
        elif isinstance(message, m.Step):
            self.text += "".join(delta.text for delta in message.deltas)
            self.ends |= {end.id: end for end in message.ends}
        if len(self.ends) + len(self.refused) == self.num_requests:
            self.stop()

    def numbers(self, id: int, input: int) -> list[float]:
        return np.frombuffer(self.vectors[id, input].values, "<f4").tolist()


def given_job(
    engine: FakeEngine, id: int, texts: list[str], *, priority: int = 1, **wish: object
) -> VectorJob:
    fields = {"pooling": "", "normalize": False, "dimensions": None, "chunk_long": False} | wish
    prompt = m.EmbedPrompt(texts, **fields)
    return vector_job(m.Submit(id, prompt, m.Sampling(), m.Limits(), priority, ""), engine)


def run(engine: FakeEngine, *work: object, cancels: set[tuple[int, int]] = frozenset()) -> Heard:
    """`cancels`: these ids, each in the middle of this step of vectors."""
    heard = Heard(len(work))
    loop = Loop(engine, heard)
    heard.stop = loop.stop
    num_steps = itertools.count()

    def cancel_some(spans: Sequence[Span]) -> None:
        step = next(num_steps)
        for id in (id for id, when in cancels if when == step):
            loop.cancel(id)

    engine.embedder.in_compute = cancel_some if cancels else engine.embedder.in_compute
    for item in work:
        loop.submit(item)
    loop.run()
    return heard


@pytest.mark.parametrize("can_cut", [True, False], ids=["decoder", "encoder"])
def test_each_text_gets_its_own_vector(can_cut: bool) -> None:
    engine = FakeEngine(SETTINGS)
    engine.embedder.can_cut = can_cut
    texts = [chr(97 + n % 26) * (1 + 7 * n % 60) for n in range(30)]
    heard = run(engine, *(given_job(engine, id, texts) for id in (1, 2)))
    for id in (1, 2):
        for number, text in enumerate(texts):
            expected = token_vectors(text.encode()).mean(axis=0)
            assert heard.numbers(id, number) == pytest.approx(expected, abs=1e-5)
    assert heard.ends[1].num_prompt_tokens == sum(map(len, texts)) and heard.ends[1].reason == "eos"


def test_many_short_texts_share_a_step() -> None:
    engine = FakeEngine(SETTINGS)
    run(engine, given_job(engine, 1, ["ab"] * 12))
    assert [len(step) for step in engine.embedder.steps] == [4, 4, 4]


def test_long_input_is_the_mean_of_its_chunks() -> None:
    engine = FakeEngine(SETTINGS)
    heard = run(engine, given_job(engine, 1, ["a" * 64 + "b" * 32], chunk_long=True))
    rows = [token_vectors(b"a" * 64).mean(axis=0), token_vectors(b"b" * 32).mean(axis=0)]
    assert heard.numbers(1, 0) == pytest.approx(np.average(rows, axis=0, weights=[2, 1]), abs=1e-5)
    assert heard.vectors[1, 0].num_tokens == 96


def test_answer_goes_on_unchanged_beside_vectors() -> None:
    engine = FakeEngine(SETTINGS)
    jobs = [given_job(engine, id, ["x" * 20] * 20, priority=2) for id in (2, 3)]
    heard = run(engine, given_answer(1, "hello", max_tokens=12), *jobs)
    assert heard.text == expected_answer(b"hello", 12)
    assert len(heard.vectors) == 40


def test_better_class_goes_first_and_equals_take_turns() -> None:
    engine = FakeEngine(SETTINGS)
    jobs = [given_job(engine, id, ["y" * 16] * 8, priority=p) for id, p in ((1, 2), (2, 1), (3, 1))]
    order = run(engine, *jobs).order
    assert set(order[:16]) == {2, 3} and set(order[16:]) == {1}
    assert order[:8].count(2) == order[:8].count(3) == 4


sizes = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(
    requests=st.lists(st.tuples(sizes, st.integers(0, 2)), min_size=1, max_size=5),
    cancelled=st.sets(st.tuples(st.integers(1, 5), st.integers(0, 12)), max_size=3),
    batch=st.integers(4, 48),
    can_cut=st.booleans(),
    has_answer=st.booleans(),
)
def test_any_schedule_ends_and_gives_everybody_their_own(
    requests: list[tuple[list[int], int]],
    cancelled: set[tuple[int, int]],
    batch: int,
    can_cut: bool,
    has_answer: bool,
) -> None:
    engine = FakeEngine(SETTINGS)
    engine.embedder.can_cut, engine.embedder.batch_tokens = can_cut, batch
    texts = {id: [chr(96 + id) * size for size in sizes] for id, (sizes, _) in enumerate(requests, start=1)}
    jobs = [given_job(engine, id, texts[id], priority=requests[id - 1][1]) for id in texts]
    answers = [given_answer(99, "hello", max_tokens=12)] if has_answer else []
    heard = run(engine, *jobs, *answers, cancels=cancelled)
    assert heard.text == (expected_answer(b"hello", 12) if has_answer else "")
    for id, inputs in texts.items():
        done = {number for owner, number in heard.vectors if owner == id}
        assert heard.ends[id].reason == "cancelled" or done == set(range(len(inputs)))
        for number in done:
            expected = token_vectors(inputs[number].encode()).mean(axis=0)
            assert heard.numbers(id, number) == pytest.approx(expected, abs=1e-4)


def test_cancelled_request_ends_and_the_others_go_on() -> None:
    engine = FakeEngine(SETTINGS)
    heard = Heard(2)
    loop = Loop(engine, heard)
    heard.stop = loop.stop
    loop.submit(given_job(engine, 1, ["z" * 60] * 10))
    loop.submit(given_job(engine, 2, ["short"] * 3))
    engine.embedder.in_compute = lambda spans: loop.cancel(1) if len(engine.embedder.steps) == 2 else None
    loop.run()
    assert heard.ends[1].reason == "cancelled" and heard.ends[2].reason == "eos"
    assert sum(id == 2 for id, _ in heard.vectors) == 3 and sum(id == 1 for id, _ in heard.vectors) < 10


def test_lack_of_memory_is_that_requests_refusal_alone() -> None:
    engine = FakeEngine(SETTINGS)

    def run_short(spans: Sequence[Span]) -> None:
        if any(len(span.tokens) == 30 for span in spans):
            raise MemoryShort("there is no memory")

    engine.embedder.in_compute = run_short
    heard = run(engine, given_job(engine, 1, ["a" * 30]), given_job(engine, 2, ["ab"]))
    assert heard.refused[1].error == "OutOfMemory" and heard.ends[2].reason == "eos"


def test_vectors_that_are_no_numbers_are_refused() -> None:
    engine = FakeEngine(SETTINGS)
    compute = engine.embedder.compute
    engine.embedder.compute = lambda spans, **kind: [rows * np.nan for rows in compute(spans, **kind)]  # type: ignore[method-assign]
    heard = run(engine, given_job(engine, 1, ["a", "b"]))
    assert heard.refused[1].error == "ModelUnusable" and not heard.vectors


def test_scores_are_cosines_with_the_query() -> None:
    engine = FakeEngine(SETTINGS)
    engine.facts = replace(engine.facts, can_generate=False)
    prompt = m.RerankPrompt("abc", ["abc", "zzzz"])
    job = vector_job(m.Submit(1, prompt, m.Sampling(), m.Limits(), 1, ""), engine)
    heard = run(engine, job)
    one, other = (token_vectors(text).mean(axis=0) for text in (b"abc", b"zzzz"))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert heard.numbers(1, 0) == pytest.approx([1.0]) and heard.numbers(1, 1) == pytest.approx([cosine])


def test_resumed_request_computes_only_what_was_not_told() -> None:
    engine = FakeEngine(SETTINGS)
    prompt = m.EmbedPrompt(["aa", "bbb", "c"], "", True, None, False)
    resume = m.Resume([2, 0])
    job = vector_job(m.Submit(1, prompt, m.Sampling(), m.Limits(), 1, "", resume=resume), engine)
    heard = run(engine, job)
    assert list(heard.vectors) == [(1, 1)] and heard.ends[1].num_prompt_tokens == 6
