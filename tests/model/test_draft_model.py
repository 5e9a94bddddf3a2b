"""A draft model with real llama.cpp: the same answers, whether it guesses right or wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hobd.wire import messages as m
from hobd.worker import drafting, foresight, llama_engine
from hobd.worker.answer import Answer
from hobd.worker.draft_model import load_draft
from hobd.worker.drafter import Drafter
from hobd.worker.engine import Settings
from hobd.worker.llama_engine import LlamaEngine
from hobd.worker.loop import Loop
from hobd.worker.sequence import Sequence

from tests.daemon import RunningDaemon
from tests.model.test_recovery import stream_and_kill
from tests.tiny_model import Shape, write_tiny_model
from tests.unit.hobd.worker.test_loop import Told

pytestmark = pytest.mark.model

SETTINGS = Settings(context_tokens=256, num_lanes=4, num_threads=1)
SAMPLINGS = {
    "greedy": m.Sampling(temperature=0),
    "sampled": m.Sampling(temperature=0.6, seed=7),
    "penalised": m.Sampling(temperature=0, repeat_penalty=1.2),
}
Pair = tuple[LlamaEngine, Drafter]


@pytest.fixture
def load_pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, Path], Pair]]:
    """A model and its draft; every guess is made and computed, whether it would pay or not."""
    monkeypatch.setattr(drafting, "num_worthwhile", lambda *_, limit, **__: limit)
    monkeypatch.setattr(foresight, "_CATCH_UP_SHARE", float("inf"))
    opened: list[LlamaEngine | Drafter] = []

    def load(model: Path, draft: Path) -> Pair:
        engine = load_engine(model)
        opened.append(engine)
        drafter = draft_for(engine, draft)
        assert isinstance(drafter, Drafter), drafter
        opened.append(drafter)
        return engine, drafter

    yield load
    for part in opened:
        part.close()


def load_engine(model: Path) -> LlamaEngine:
    with model.open("rb") as file:
        return llama_engine.load(file.fileno(), SETTINGS, lambda _: None)


def draft_for(engine: LlamaEngine, draft: Path) -> Drafter | str:
    with draft.open("rb") as file:
        return load_draft(file.fileno(), engine, SETTINGS, load=llama_engine.load, progress=lambda _: None)


def answer(
    engine: LlamaEngine,
    drafter: Drafter | None,
    sampling: m.Sampling,
    *prompts: str,
    num: int = 40,
    constraint: m.Constraint | None = None,
) -> Told:
    """The answers to prompts that come together, all in lanes that are forgotten afterwards."""
    told = Told(len(prompts))
    loop = Loop(engine, told, drafter)
    told.stop = loop.stop
    for id, prompt in enumerate(prompts):
        tokens = engine.tokenize(prompt, add_special=True, parse_special=False)
        sequence = Sequence(id, tokens, max_tokens=num, ignore_eos=constraint is None)
        sampler = engine.new_sampler(sampling, tokens, constraint)
        loop.submit(Answer(sequence, sampler, m.Limits(max_tokens=num), now_ns=0))
    loop.run()
    for lane in range(len(prompts)):
        engine.forget(lane)
    return told


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("seed", [0, 7], ids=["right", "wrong"])
def test_answer_is_the_same_with_right_and_with_wrong_guesses(
    load_pair: Callable[[Path, Path], Pair], tiny_model: Path, tmp_path: Path, seed: int, sampling: m.Sampling
) -> None:
    engine, drafter = load_pair(tiny_model, write_tiny_model(tmp_path / "draft.gguf", seed=seed))
    plain = answer(engine, None, sampling, "hello there")
    guessed = answer(engine, drafter, sampling, "hello there")
    assert guessed.texts == plain.texts and len(guessed.deltas[-1].tokens) > 0
    assert guessed.steps[-1].tally.num_drafted_tokens > 20


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_answer_of_a_given_shape_is_the_same_though_the_draft_does_not_know_it(
    load_pair: Callable[[Path, Path], Pair], tiny_model: Path, sampling: m.Sampling
) -> None:
    engine, drafter = load_pair(tiny_model, tiny_model)
    shape = m.Constraint("regex", "[a-zA-Z0-9 ]{30}")
    plain = answer(engine, None, sampling, "hello there", constraint=shape)
    guessed = answer(engine, drafter, sampling, "hello there", constraint=shape)
    assert guessed.texts == plain.texts and len(guessed.texts[0]) == 30
    tally = guessed.steps[-1].tally
    assert 0 < tally.num_accepted_tokens < tally.num_drafted_tokens


def test_model_that_guesses_for_itself_is_nearly_always_right(
    load_pair: Callable[[Path, Path], Pair], starter_model: Path
) -> None:
    engine, drafter = load_pair(starter_model, starter_model)
    greedy = SAMPLINGS["greedy"]
    told = answer(engine, drafter, greedy, "The capital of France is", num=24)
    tally = told.steps[-1].tally
    assert told.texts == answer(engine, None, greedy, "The capital of France is", num=24).texts
    assert tally.num_accepted_tokens > 0.8 * tally.num_drafted_tokens > 10


def test_several_answers_are_guessed_for_together(
    load_pair: Callable[[Path, Path], Pair], tiny_model: Path
) -> None:
    engine, drafter = load_pair(tiny_model, tiny_model)
    prompts = ["one", "and another one", "the third of them"]
    together = answer(engine, drafter, SAMPLINGS["greedy"], *prompts, num=24)
    for id, prompt in enumerate(prompts):
        assert together.texts[id] == answer(engine, None, SAMPLINGS["greedy"], prompt, num=24).texts[0]
    assert together.steps[-1].tally.num_accepted_tokens > 20


def test_smaller_model_of_the_family_may_guess(
    load_pair: Callable[[Path, Path], Pair], tiny_model: Path, tmp_path: Path
) -> None:
    small = write_tiny_model(tmp_path / "small.gguf", shape=Shape(layers=1, width=32, hidden=64))
    engine, drafter = load_pair(tiny_model, small)
    plain = answer(engine, None, SAMPLINGS["greedy"], "hello")
    assert answer(engine, drafter, SAMPLINGS["greedy"], "hello").texts == plain.texts


def test_model_with_other_tokens_is_refused_in_a_sentence(tiny_model: Path, starter_model: Path) -> None:
    engine = load_engine(starter_model)
    problem = draft_for(engine, tiny_model)
    engine.close()
    assert problem == ("its vocabulary has 273 tokens and the model's 49152; name one of the model's family")


# Random weights have near ties everywhere, and a resumed answer is rounded otherwise: so the tiny model is
# left nothing to choose.
@pytest.mark.parametrize(
    ("fixture", "options"),
    [
        ("tiny_model", {"temperature": 0, "max_tokens": 300, "regex": "(the rain in the plain ){12}"}),
        ("starter_model", {"temperature": 0.8, "seed": 7, "max_tokens": 40}),
    ],
    ids=["tiny", "starter"],
)
def test_worker_with_a_draft_answers_the_same_and_goes_on_after_a_kill(
    real_daemon: RunningDaemon, request: pytest.FixtureRequest, fixture: str, options: dict[str, object]
) -> None:
    for name in ("model", "draft"):
        real_daemon.add_model(name, request.getfixturevalue(fixture))
    with real_daemon.start().client() as client:
        plain = client.complete("model", "Once upon a time", **options)
        client.unload("model")
        (real_daemon.models / "model.toml").write_text('draft = "draft"\n')
        events = stream_and_kill(client, "model", "Once upon a time", **options)
        resident = client.status().residents[0]
    assert "".join(event.text for event in events) == plain.text and events[-1].done.resumed
    assert (resident.draft, resident.draft_problem) == ("draft", "") and resident.num_restarts == 1


def test_sandboxed_worker_reads_its_draft_through_a_descriptor_and_keeps_none(
    real_daemon: RunningDaemon, tiny_model: Path
) -> None:
    for name in ("tiny", "draft"):
        real_daemon.add_model(name, tiny_model)
    (real_daemon.models / "tiny.toml").write_text('draft = "draft"\n')
    with real_daemon.start().client() as client:
        client.complete("tiny", "hello", max_tokens=1)
        resident = client.status().residents[0]
        held = [os.readlink(entry) for entry in Path(f"/proc/{resident.worker_pid}/fd").iterdir()]
    assert resident.draft == "draft" and "no-network" in resident.sandbox
    assert not [target for target in held if target.endswith(".gguf")]
