"""Which model may guess for another: one that speaks the same tokens and can take back what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hobd.worker.draft_model import load_draft
from hobd.worker.drafter import Drafter
from hobd.worker.engine import EngineError, FileUnusable, MemoryShort, Settings

from tests.fakes.engine import VOCABULARY, FakeEngine


class Family(FakeEngine):
    """With so many tokens, of which one may be spelt otherwise."""

    def __init__(self, settings: Settings, num_tokens: int = VOCABULARY, odd: int | None = None) -> None:
        super().__init__(settings)
        self.facts = replace(self.facts, vocabulary=num_tokens)
        self._odd = odd

    def spelling(self, token: int) -> bytes:
        return b"odd" if token == self._odd else str(token).encode()


def load(draft: Callable[[Settings], FakeEngine], **settings: object) -> Drafter | str:
    """What comes of it for a model of 257 tokens and a context of 512."""
    model = Family(Settings(num_lanes=16, **settings))
    return load_draft(
        0,
        model,
        Settings(),
        load=lambda fd, settings, progress: draft(settings),
        progress=lambda fraction: None,
    )


def made_for_vectors(settings: Settings) -> Family:
    model = Family(settings)
    model.facts = replace(model.facts, can_generate=False)
    return model


def fail(error: EngineError) -> Callable[[Settings], FakeEngine]:
    def load(settings: Settings) -> FakeEngine:
        raise error

    return load


def test_draft_of_the_same_family_has_few_lanes_and_little_memory_of_its_own() -> None:
    drafter = load(Family)
    assert isinstance(drafter, Drafter)
    assert (drafter.num_lanes, drafter.batch_tokens, drafter.vocabulary) == (4, 128, VOCABULARY)


@pytest.mark.parametrize("num_tokens", [VOCABULARY - 100, VOCABULARY + 100])
def test_vocabularies_may_differ_by_what_fills_them_up(num_tokens: int) -> None:
    drafter = load(lambda settings: Family(settings, num_tokens))
    assert isinstance(drafter, Drafter) and drafter.vocabulary == min(num_tokens, VOCABULARY)


@pytest.mark.parametrize(
    ("draft", "problem"),
    [
        (lambda settings: Family(settings, VOCABULARY + 200), "has 457 tokens and the model's 257"),
        (lambda settings: Family(settings, odd=17), "token 17 is not the same"),
        (lambda settings: Family(Settings(speculates=False)), "cannot take back"),
        (made_for_vectors, "makes vectors only"),
        (fail(FileUnusable("it is not a GGUF file")), "it is not a GGUF file"),
        (fail(MemoryShort("no memory for a context")), "no memory for a context"),
    ],
    ids=["other size", "other token", "recurrent", "vectors", "no model", "no memory"],
)
def test_draft_that_is_of_no_use_is_a_sentence(draft: Callable[[Settings], FakeEngine], problem: str) -> None:
    assert problem in load(draft)


def test_model_that_cannot_take_back_a_token_gets_no_draft() -> None:
    assert "this model's memory" in load(Family, speculates=False)


def test_draft_of_no_use_is_closed() -> None:
    loaded: list[Family] = []
    load(lambda settings: loaded.append(Family(settings, odd=0)) or loaded[0])
    assert loaded[0].is_closed
