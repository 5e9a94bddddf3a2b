"""What the gateway tells of requests, and what it tells those who wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.daemon import await_true
from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell
from tests.running_gateway import RunningGateway

SECRET = "a-very-secret-text"
TURNS: list[Any] = [{"role": "user", "content": SECRET}]
STREAMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "tiny", "messages": TURNS, "stream": True},
    "/v1/completions": {"model": "tiny", "prompt": SECRET, "stream": True},
    "/v1/responses": {"model": "tiny", "input": SECRET, "stream": True},
    "/v1/messages": {"model": "tiny", "messages": TURNS, "max_tokens": 9, "stream": True},
    "/api/chat": {"model": "tiny", "messages": TURNS},
    "/completion": {"prompt": SECRET, "stream": True},
}
MARKS = {"/v1/messages": b"event: ping", "/api/chat": b'"content":""'}


@pytest.fixture(scope="module")
def _hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGateway, FakeDaemon, Path]]:
    home = tmp_path_factory.mktemp("hasty")
    with FakeDaemon(home / "hob.sock") as daemon:
        spans = home / "spans.jsonl"
        gateway = RunningGateway(home / "home", home / "hob.sock")
        gateway.start("--rate", "10000", "--keep-alive", "0.05", "--traces", str(spans))
        yield gateway, daemon, spans
        gateway.stop()


@pytest.fixture
def hasty(_hasty: tuple[RunningGateway, FakeDaemon, Path]) -> RunningGateway:
    """A gateway that says soon that it waits, and writes traces."""
    return _hasty[0]


@pytest.fixture
def door(_hasty: tuple[RunningGateway, FakeDaemon, Path]) -> FakeDaemon:
    daemon = _hasty[1]
    daemon.script, daemon.refusal = tell("Hello", ", hob!"), None
    daemon.was_cancelled.clear()
    return daemon


# ------------------------------------------------------------- waiting


@pytest.mark.parametrize("path", STREAMS)
def test_who_waits_hears_that_he_still_does(hasty: RunningGateway, door: FakeDaemon, path: str) -> None:
    door.script = (HANG,)
    mark = MARKS.get(path, b": waiting\n\n")
    with hasty.http() as http, http.stream("POST", path, json=STREAMS[path]) as told:
        heard = b""
        for piece in told.iter_bytes():
            heard += piece
            if heard.count(mark) == 3:
                break
    assert told.status_code == 200 and heard.count(mark) == 3
    assert door.was_cancelled.wait(20)


def late(door: FakeDaemon, *steps: Any) -> threading.Event:
    """The daemon says this once it is told to."""
    go_on = threading.Event()
    door.script = (go_on, *steps)
    return go_on


def test_openais_client_waits_and_reads_on(hasty: RunningGateway, door: FakeDaemon) -> None:
    go_on = late(door, *tell("Hello", ", hob!"))
    client = openai.OpenAI(base_url=f"{hasty.url}/v1", api_key=hasty.token, max_retries=0)
    with client, client.chat.completions.create(model="tiny", messages=TURNS, stream=True) as stream:
        go_on.set()  # the head has come: it waits
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Hello, hob!"


def test_anthropics_client_waits_and_reads_on(hasty: RunningGateway, door: FakeDaemon) -> None:
    go_on = late(door, *tell("Hello", ", hob!"))
    client = anthropic.Anthropic(base_url=hasty.url, api_key=hasty.token, max_retries=0)
    with client, client.messages.stream(model="tiny", max_tokens=9, messages=TURNS) as stream:
        go_on.set()
        assert stream.get_final_message().content[0].text == "Hello, hob!"  # type: ignore[union-attr]


def test_ollamas_client_waits_and_reads_on(hasty: RunningGateway, door: FakeDaemon) -> None:
    go_on = late(door, *tell("Hello", ", hob!"))
    client = ollama.Client(host=hasty.url, headers={"authorization": f"Bearer {hasty.token}"})
    texts = []
    for part in client.chat("tiny", TURNS, stream=True):
        go_on.set()  # the first line says nothing but that it waits
        texts.append(part.message.content or "")
    client._client.close()
    assert (texts[0], "".join(texts)) == ("", "Hello, hob!")


def test_error_after_waiting_is_told_inside_the_stream(hasty: RunningGateway, door: FakeDaemon) -> None:
    go_on = late(door, refusal("out_of_memory", "there is no room for the model"))
    path = "/v1/chat/completions"
    with hasty.http() as http, http.stream("POST", path, json=STREAMS[path]) as told:
        go_on.set()
        heard = told.read()
    assert told.status_code == 200 and b"there is no room" in heard and b"[DONE]" not in heard


def test_error_before_waiting_is_a_status(hasty: RunningGateway, door: FakeDaemon) -> None:
    patient = RunningGateway(hasty.home.parent / "patient", hasty.socket).start()
    door.script = (refusal("out_of_memory", "there is no room for the model"),)
    try:
        with patient.http() as http:
            assert http.post("/v1/messages", json=STREAMS["/v1/messages"]).status_code == 503
    finally:
        patient.stop()


# ------------------------------------------------------------- telling


def lines(gateway: RunningGateway, words: str) -> list[str]:
    return [line for line in gateway.log.splitlines() if "event=access" in line and words in line]


def test_request_is_logged_by_route_token_and_numbers(hasty: RunningGateway, door: FakeDaemon) -> None:
    token = hasty.add_token("logged")
    with hasty.http(authorization=f"Bearer {token}") as http:
        size = len(http.post("/v1/chat/completions", json={"model": "tiny", "messages": TURNS}).content)
        http.get(f"/{SECRET}?q={SECRET}")
    await_true(lambda: len(lines(hasty, "token=logged")) == 2, "the access log", 20)
    answered, lost = lines(hasty, "token=logged")
    assert "method=POST route=/v1/chat/completions status=200 token=logged ms=" in answered
    assert f" bytes={size} " in answered and "method=GET route=- status=404" in lost
    assert SECRET not in hasty.log


def test_refusal_is_logged_without_a_name(hasty: RunningGateway, door: FakeDaemon) -> None:
    with hasty.http(authorization=f"Bearer {SECRET}") as http:
        http.get("/v1/models")
    await_true(lambda: lines(hasty, "status=401 token=- "), "the refusal in the access log", 20)
    assert SECRET not in hasty.log


def test_access_log_can_be_left_out(hasty: RunningGateway, door: FakeDaemon) -> None:
    quiet = RunningGateway(hasty.home.parent / "quiet", hasty.socket).start("--no-access-log")
    try:
        with quiet.http() as http:
            http.get("/v1/models")
    finally:
        quiet.stop()
    assert not lines(quiet, "")


def test_spans_have_models_and_tokens_and_no_words(
    hasty: RunningGateway, door: FakeDaemon, _hasty: tuple[RunningGateway, FakeDaemon, Path]
) -> None:
    trace_id = "c" * 32
    with hasty.http(traceparent=f"00-{trace_id}-{'d' * 16}-01") as http:
        http.post("/v1/chat/completions", json=STREAMS["/v1/chat/completions"])
    await_true(lambda: trace_id in _hasty[2].read_text(), "the span", 20)
    (line,) = [line for line in _hasty[2].read_text().splitlines() if trace_id in line]
    (span,) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    told = {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}
    assert (span["name"], span["parentSpanId"]) == ("POST /v1/chat/completions", "d" * 16)
    assert (told["gen_ai.response.model"], told["gen_ai.usage.output_tokens"]) == ("tiny", "2")
    assert SECRET not in _hasty[2].read_text()
