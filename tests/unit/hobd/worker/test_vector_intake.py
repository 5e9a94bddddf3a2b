"""Which requests for vectors a worker refuses, and in what words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hobd.wire import messages as m
from hobd.worker.engine import Affixes, Settings
from hobd.worker.refusal import Refusal
from hobd.worker.vector_intake import vector_job
from hobd.worker.vector_job import VectorJob

from tests.fakes.engine import FakeEngine

BEFORE, BETWEEN, AFTER = 1, 2, 3


def given_engine(**facts: object) -> FakeEngine:
    engine = FakeEngine(Settings(context_tokens=16, batch_tokens=32))
    affixes = Affixes(before=(BEFORE,), between=(BETWEEN,), after=(AFTER,))
    engine.facts = replace(engine.facts, affixes=affixes, can_generate=False, **facts)
    return engine


def embed(
    texts: list[str], *, dimensions: int | None = None, chunk: bool = False, **facts: object
) -> VectorJob:
    prompt = m.EmbedPrompt(texts, "", True, dimensions, chunk)
    return vector_job(m.Submit(1, prompt, m.Sampling(), m.Limits(), 1, ""), given_engine(**facts))


def rerank(query: str, documents: list[str], **facts: object) -> VectorJob:
    prompt = m.RerankPrompt(query, documents)
    return vector_job(m.Submit(1, prompt, m.Sampling(), m.Limits(), 1, ""), given_engine(**facts))


def test_text_stands_between_the_models_own_tokens() -> None:
    (item,) = embed(["ab"]).todo
    assert list(item.tokens) == [BEFORE, *b"ab", AFTER]


def test_too_long_input_is_refused_by_number_with_both_sizes() -> None:
    with pytest.raises(Refusal, match=r"input 1 has 17 tokens .* room for 16") as refused:
        embed(["short", "x" * 15])
    assert (refused.value.error, refused.value.needed, refused.value.available) == ("PromptTooLong", 17, 16)


def test_chunks_are_as_long_as_the_context() -> None:
    items = embed(["x" * 30], chunk=True).todo
    assert [len(item.tokens) for item in items] == [16, 16, 4]
    assert all(item.tokens[0] == BEFORE and item.tokens[-1] == AFTER for item in items)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda: embed(["a"], embedding_width=0), "NotSupported", "makes no vectors"),
        (lambda: embed(["a"], dimensions=9), "InvalidRequest", "from 1 to 8 with this model, not 9"),
        (lambda: rerank("a" * 15, ["b"]), "PromptTooLong", "the query has 17 tokens"),
        (lambda: rerank("a", ["b", "c" * 15]), "PromptTooLong", "document 1 has 17 tokens"),
        (lambda: rerank("a" * 9, ["b" * 9], has_ranking=True), "PromptTooLong", "document 0 with the query"),
    ],
    ids=["no vectors", "dimensions", "query", "document", "pair"],
)
def test_what_cannot_be_is_refused(ask: object, error: str, message: str) -> None:
    with pytest.raises(Refusal, match=message) as refused:
        ask()
    assert refused.value.error == error


def test_generating_model_does_not_rerank() -> None:
    engine = FakeEngine()
    with pytest.raises(Refusal, match="not made to compare texts"):
        vector_job(m.Submit(1, m.RerankPrompt("a", ["b"]), m.Sampling(), m.Limits(), 1, ""), engine)


def test_ranking_model_reads_query_and_document_together() -> None:
    (item,) = rerank("q", ["doc"], has_ranking=True).todo
    assert list(item.tokens) == [BEFORE, *b"q", BETWEEN, *b"doc", AFTER]
