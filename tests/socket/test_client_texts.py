"""The client's calls about several texts, against a daemon that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hob.v1 import inference_pb2 as pb
from hob_client import AsyncClient, Client
from hob_client.errors import InvalidRequest

from tests.fakes.daemon import FakeDaemon


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(tmp_path / "hob.sock") as running:
        yield running


@pytest.fixture
def client(daemon: FakeDaemon) -> Iterator[Client]:
    with Client(daemon.path, start=False) as connected:
        yield connected


def test_vectors_are_in_the_order_of_the_inputs(client: Client, daemon: FakeDaemon) -> None:
    embeddings = client.embed(
        "tiny", ["a", "b"], pooling="cls", normalize=False, dimensions=2, incognito=True
    )
    assert embeddings.vectors == ((1.0, 0.25), (0.0, 1.0)) and embeddings.receipt.num_prompt_tokens == 5
    expected = pb.EmbedRequest(
        model="tiny", inputs=["a", "b"], pooling=2, normalize=False, dimensions=2, options={"incognito": True}
    )
    assert daemon.requests == [expected]


def test_steps_of_an_embedding_are_typed(client: Client) -> None:
    kinds = [step.kind for step in client.embed_each("tiny", "a")]
    assert kinds == ["embedding", "progress", "embedding", "receipt"]


def test_ranking_says_how_it_was_made(client: Client, daemon: FakeDaemon) -> None:
    ranking = client.rerank("tiny", "q", ["a", "b"], top_n=2, priority_class="batch")
    assert [(ranked.document, ranked.score) for ranked in ranking.ranking] == [(1, 0.5), (0, -0.25)]
    assert (ranking.method, ranking.receipt.model) == ("cosine", "tiny")
    assert daemon.requests[0].top_n == 2 and list(daemon.requests[0].documents) == ["a", "b"]


def test_gap_streams_as_an_answer_does(client: Client, daemon: FakeDaemon) -> None:
    events = client.infill("tiny", "a", "b", path="x.py", context_files={"y.py": "c"}, max_tokens=3)
    assert "".join(event.text for event in events) == "Hello, hob!"
    (request,) = daemon.requests
    assert (request.prefix, request.suffix, request.path, request.limits.max_tokens) == ("a", "b", "x.py", 3)
    assert list(request.context_files) == [pb.ContextFile(path="y.py", text="c")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, "pooling is 'max'; it must be one of mean, cls, last"),
        ({"temperature": 1.0}, "there is no option 'temperature'"),
        ({"dimensions": -1}, "cannot have its value"),
        ({"priority": "batch"}, "did you mean 'priority_class'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_absurd_options_fail_before_anything_is_sent(
    client: Client, daemon: FakeDaemon, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        client.embed("tiny", "a", **options)
    assert daemon.requests == []


def test_text_that_is_none_is_named_by_its_place(client: Client) -> None:
    with pytest.raises(InvalidRequest, match=r"inputs\[1\] is not valid Unicode") as refused:
        client.embed("tiny", ["SECRET", "SECRET\ud800"])
    assert "SECRET" not in str(refused.value)


def test_async_twin_says_the_same(daemon: FakeDaemon) -> None:
    async def ask() -> tuple[object, ...]:
        async with AsyncClient(daemon.path, start=False) as client:
            embeddings = await client.embed("tiny", ["a", "b"])
            ranking = await client.rerank("tiny", "q", ["a", "b"])
            text = "".join([event.text async for event in client.infill("tiny", "a", "b")])
            return embeddings.vectors, ranking.method, text

    assert asyncio.run(ask()) == (((1.0, 0.25), (0.0, 1.0)), "cosine", "Hello, hob!")
