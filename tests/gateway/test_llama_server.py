"""llama-server's own paths, as its clients ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.daemon import FakeDaemon
from tests.running_gateway import RunningGateway


@pytest.fixture
def http(gateway: RunningGateway, door: FakeDaemon) -> Iterator[httpx.Client]:
    with gateway.http() as http:
        yield http


def test_gap_is_filled_with_its_repository(http: httpx.Client, door: FakeDaemon) -> None:
    extra = [{"filename": "a.py", "text": "x = 1"}]
    asked = {"input_prefix": "def f(", "input_suffix": ")", "input_extra": extra, "n_predict": 5}
    assert http.post("/infill", json=asked).json()["content"] == "Hello, hob!"
    (told,) = door.requests
    assert (told.prefix, told.suffix, told.context_files[0].path) == ("def f(", ")", "a.py")
    assert told.limits.max_tokens == 5


def test_gap_is_streamed(http: httpx.Client) -> None:
    lines = http.post("/infill", json={"input_prefix": "a", "input_suffix": "b", "stream": True}).text.split(
        "\n\n"
    )
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    assert "".join(piece["content"] for piece in told) == "Hello, hob!"
    assert [piece["stop"] for piece in told] == [False, False, True]


def test_text_is_continued(http: httpx.Client, door: FakeDaemon) -> None:
    assert http.post("/completion", json={"prompt": "Once", "n_predict": -1}).json()["stop_type"] == "eos"
    assert door.requests[0].text == "Once" and not door.requests[0].limits.HasField("max_tokens")


def test_tokens_go_there_and_back(http: httpx.Client, door: FakeDaemon) -> None:
    assert http.post("/tokenize", json={"content": "abc"}).json() == {"tokens": [1, 2, 3]}
    assert http.post("/detokenize", json={"tokens": [1, 2]}).json() == {"content": "abc"}
    assert list(door.requests[1].ids) == [1, 2]


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank"])
def test_documents_are_ordered(http: httpx.Client, path: str) -> None:
    told = http.post(path, json={"query": "q", "documents": ["a", "b"], "top_n": 2}).json()
    assert [one["index"] for one in told["results"]] == [1, 0]


def test_metrics_count_and_quote_nothing(http: httpx.Client) -> None:
    http.post("/completion", json={"prompt": "a very secret prompt", "model": "secret"})
    http.get("/secret")
    told = http.get("/metrics").text
    assert 'hob_gateway_requests_total{route="/completion",status="200"}' in told
    assert 'hob_gateway_tokens_total{kind="completion_tokens"}' in told and "secret" not in told
