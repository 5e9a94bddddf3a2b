"""Vectors and scores of real llama.cpp, through the whole stack, against BERT in NumPy."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from hob_client import Client, errors

from tests.daemon import RunningDaemon
from tests.model.bert_reference import BertReference
from tests.tiny_bert import write_tiny_bert

pytestmark = pytest.mark.model
TEXTS = [
    "This is an example sentence",
    "Each sentence is converted",
    "A dog runs in the park.",
    "Café prices, unbelievably, rose by 12% (again)!",
    "x",
    "The quick brown fox jumps over the lazy dog. " * 8,
]


@pytest.fixture
def minilm(real_daemon: RunningDaemon, embedding_model: Path) -> RunningDaemon:
    real_daemon.add_model("minilm", embedding_model)
    return real_daemon.start()


@pytest.fixture
def ranker(real_daemon: RunningDaemon, tiny_ranker: Path) -> RunningDaemon:
    real_daemon.add_model("ranker", tiny_ranker)
    return real_daemon.start()


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_vectors_are_those_of_the_reference(
    minilm: RunningDaemon, embedding_model: Path, pooling: str
) -> None:
    reference = BertReference(embedding_model)
    with minilm.client() as client:
        vectors = client.embed("minilm", TEXTS, pooling=pooling).vectors
    cosines = [
        np.dot(vector, reference.vector(text, pooling)) for vector, text in zip(vectors, TEXTS, strict=True)
    ]
    assert min(cosines) >= 0.999, cosines


def test_vectors_are_those_that_the_models_authors_publish(minilm: RunningDaemon) -> None:
    with minilm.client() as client:
        (vector,) = client.embed("minilm", "This is an example sentence").vectors
    assert vector[:3] == pytest.approx((0.0677, 0.0635, 0.0487), abs=1e-3)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_many_texts_give_what_each_gives_alone(minilm: RunningDaemon) -> None:
    texts = [f"{text} {number}" for number in range(20) for text in TEXTS[:5]]
    with minilm.client() as client:
        together = client.embed("minilm", texts)
        alone = [client.embed("minilm", text).vectors[0] for text in texts[:5]]
    assert len(together.vectors) == 100
    for one, other in zip(together.vectors, alone, strict=False):
        assert np.dot(one, other) > 0.99999


def test_first_dimensions_are_kept_and_made_a_unit_again(minilm: RunningDaemon) -> None:
    with minilm.client() as client:
        (whole,) = client.embed("minilm", "hello", normalize=False).vectors
        (short,) = client.embed("minilm", "hello", dimensions=64).vectors
        with pytest.raises(errors.InvalidRequest, match="from 1 to 384 with this model, not 385"):
            client.embed("minilm", "hello", dimensions=385)
    assert np.linalg.norm(whole) != pytest.approx(1.0, abs=1e-2)
    assert short == pytest.approx(np.array(whole[:64]) / np.linalg.norm(whole[:64]), abs=1e-6)


def test_long_input_is_refused_with_numbers_or_is_the_mean_of_its_chunks(minilm: RunningDaemon) -> None:
    with minilm.client() as client:
        with pytest.raises(errors.PromptTooLong, match=r"input 1 has 702 tokens .* room for 512") as refused:
            client.embed("minilm", ["short", "word " * 700])
        (whole,) = client.embed("minilm", "word " * 700, chunk_long_inputs=True).vectors
        parts = client.embed("minilm", ["word " * 510, "word " * 190], normalize=False).vectors
    assert (refused.value.needed_tokens, refused.value.available_tokens) == (702, 512)
    mean = np.average(parts, axis=0, weights=[512, 192])
    assert whole == pytest.approx(mean / np.linalg.norm(mean), abs=1e-4)


def test_vectors_after_a_kill_are_the_undisturbed_ones(minilm: RunningDaemon) -> None:
    texts, is_killed = [f"text number {number} of many" for number in range(200)], False
    with minilm.client() as client:
        whole = client.embed("minilm", texts).vectors
        vectors = {}
        for step in client.embed_each("minilm", texts):
            if step.kind == "embedding":
                vectors[step.input] = step.values
            if len(vectors) >= 20 and not is_killed:
                psutil.Process(client.status().residents[0].worker_pid).kill()
                is_killed = True
    assert step.kind == "receipt" and len(vectors) == 200
    assert all(np.dot(vectors[number], whole[number]) > 0.9999 for number in vectors)


def test_embedding_model_refuses_to_generate(minilm: RunningDaemon) -> None:
    with minilm.client() as client:
        for ask in (client.complete, client.ask):
            with pytest.raises(errors.NotSupported, match="made for vectors"):
                ask("minilm", "hello", max_tokens=1)
        client.embed("minilm", "hello")
        (resident,) = client.status().residents
    assert (resident.abilities, resident.embedding_dimensions) == (("embed", "rerank"), 384)


def test_embedding_model_reranks_by_cosine(minilm: RunningDaemon) -> None:
    documents = ["The stock market fell.", "Dogs run and play in parks.", "How to bake bread"]
    with minilm.client() as client:
        ranking = client.rerank("minilm", "Where do dogs run?", documents, top_n=2)
        query, *vectors = client.embed("minilm", ["Where do dogs run?", *documents]).vectors
    assert ranking.method == "cosine" and len(ranking.ranking) == 2
    assert ranking.ranking[0].document == 1
    assert ranking.ranking[0].score == pytest.approx(np.dot(query, vectors[1]), abs=1e-4)


def test_cross_encoder_ranks_by_its_own_head(ranker: RunningDaemon, tiny_ranker: Path) -> None:
    reference = BertReference(tiny_ranker)
    query, documents = "the cat", ["runs in the rain", "sleeps", "the dog, the sun.", "abc xyz"]
    with ranker.client() as client:
        ranking = client.rerank("ranker", query, documents)
        with pytest.raises(errors.NotSupported, match="makes no vectors"):
            client.embed("ranker", "hello")
    assert ranking.method == "ranking_head"
    scores = {ranked.document: ranked.score for ranked in ranking.ranking}
    assert scores == pytest.approx({i: reference.score(query, d) for i, d in enumerate(documents)}, abs=1e-3)


def test_ranking_model_may_say_how_its_texts_are_put_together(
    real_daemon: RunningDaemon, tmp_path: Path
) -> None:
    template = "[CLS] in sun {query} [SEP] rain {document} [SEP]"
    model = write_tiny_bert(tmp_path / "ranker.gguf", ranks=True, template=template)
    real_daemon.add_model("ranker", model)
    reference, query = BertReference(model), "the dog [SEP]"  # in a text this is no marker
    with real_daemon.start().client() as client:
        (ranked,) = client.rerank("ranker", query, ["runs"]).ranking
    head, middle = reference.tokenize("in sun"), reference.tokenize("rain")
    ids = [*head[:-1], *reference.tokenize(query)[1:], *middle[1:-1], *reference.tokenize("runs")[1:]]
    assert ranked.score == pytest.approx(reference.score_of(ids), abs=1e-3)


def test_generating_model_embeds_while_it_answers(real_daemon: RunningDaemon, tiny_model: Path) -> None:
    real_daemon.add_model("tiny", tiny_model)
    with real_daemon.start().client() as client:
        alone = client.complete("tiny", "hello", temperature=0, ignore_eos=True, max_tokens=60).text
        quiet = client.embed("tiny", "some words " * 20).vectors[0]
        texts: list[str] = []
        answering = threading.Thread(target=lambda: texts.append(answer(client)))
        answering.start()
        vectors = client.embed("tiny", ["some words " * 20, "others"] * 20, priority_class="batch").vectors
        answering.join()
    assert texts == [alone]
    assert all(np.dot(vector, quiet) > 0.9999 for vector in vectors[::2])


def answer(client: Client) -> str:
    return client.complete("tiny", "hello", temperature=0, ignore_eos=True, max_tokens=60).text


def test_text_cut_into_steps_gives_the_vector_of_the_whole(
    real_daemon: RunningDaemon, tiny_model: Path
) -> None:
    real_daemon.add_model("tiny", tiny_model)
    long = "a long text that needs many tokens " * 12
    with real_daemon.start("--set", "engine.batch_tokens=512").client() as client:
        (whole,) = client.embed("tiny", long).vectors
        client.unload("tiny")
    real_daemon.stop()
    with real_daemon.start("--set", "engine.batch_tokens=32", "--set", "engine.lanes=2").client() as client:
        (cut,) = client.embed("tiny", long).vectors
    assert np.dot(whole, cut) > 0.9999
