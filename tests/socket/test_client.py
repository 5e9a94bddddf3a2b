"""The client against a daemon that follows a script, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path

import pytest
from grpclib.const import Status
from hob.v1 import inference_pb2
from hob_client import AsyncClient, Client
from hob_client.errors import (
    Busy,
    DaemonUnreachable,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    ModelNotFound,
    NotPermitted,
    WorkerCrashed,
)

from tests.fakes.daemon import HANG, WAIT_SECONDS, FakeDaemon, Refusal, refusal, tell

HELLO, *REST = tell("Hello", ", hob!")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hob.sock"


@pytest.fixture
def daemon(path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(path) as running:
        yield running


@pytest.fixture
def client(daemon: FakeDaemon) -> Iterator[Client]:
    with Client(daemon.path, start=False) as connected:
        yield connected


def test_text_streams(client: Client) -> None:
    assert "".join(event.text for event in client.chat("tiny", "hi")) == "Hello, hob!"


def test_whole_answer_has_text_and_receipt(client: Client) -> None:
    answer = client.ask("tiny", "hi")
    assert (answer.text, answer.finish_reason, answer.receipt.seed) == ("Hello, hob!", "eos", 7)


def test_parameters_reach_the_daemon(client: Client, daemon: FakeDaemon) -> None:
    client.complete("tiny", "abc", temperature=0.0, max_tokens=3, stop=["x"], incognito=True)
    expected = inference_pb2.GenerateRequest(
        model="tiny",
        text="abc",
        sampling=inference_pb2.Sampling(temperature=0.0),
        limits=inference_pb2.Limits(max_tokens=3, stop=["x"]),
        options=inference_pb2.RequestOptions(incognito=True),
    )
    assert daemon.requests == [expected]


def test_unknown_parameter_fails_before_anything_is_sent(client: Client, daemon: FakeDaemon) -> None:
    with pytest.raises(InvalidRequest, match="max_tokens"):
        client.chat("tiny", "hi", max_token=3)  # type: ignore[call-arg]
    assert daemon.requests == []


def test_two_clients_are_answered_at_once(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as one, Client(daemon.path) as two, ThreadPoolExecutor() as threads:
        answers = threads.map(lambda client: client.ask("tiny", "hi").text, (one, two))
        assert list(answers) == ["Hello, hob!"] * 2


def test_one_client_serves_several_threads(client: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda _: client.ask("tiny", "hi").text, range(12))
        assert list(answers) == ["Hello, hob!"] * 12


def test_closing_the_iterator_cancels_on_the_daemon(path: Path) -> None:
    with FakeDaemon(path, HELLO, HANG) as daemon, Client(path) as client:
        with closing(client.chat("tiny", "hi")) as events:
            next(events)
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_exception_in_the_loop_cancels_on_the_daemon(path: Path) -> None:
    with FakeDaemon(path, HELLO, HANG) as daemon, Client(path) as client:
        with pytest.raises(ZeroDivisionError):
            for _ in client.chat("tiny", "hi"):
                raise ZeroDivisionError
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_refusal_becomes_the_error_of_its_name(path: Path) -> None:
    busy = refusal("busy", "tiny has no free lane", model="tiny", retry_after_ms=250)
    with FakeDaemon(path, busy) as daemon, Client(daemon.path) as client:
        with pytest.raises(Busy, match="no free lane") as caught:
            client.ask("tiny", "hi")
    assert (caught.value.model, caught.value.retry_after_ms) == ("tiny", 250)


def test_refusal_in_mid_answer_comes_after_its_text(path: Path) -> None:
    crash = refusal("worker_crashed", "the worker died")
    with FakeDaemon(path, HELLO, REST[0], crash) as daemon, Client(daemon.path) as client:
        events = client.chat("tiny", "hi")
        assert [next(events).text, next(events).text] == ["", "Hello"]
        with pytest.raises(WorkerCrashed):
            next(events)


def test_refusal_of_a_plain_call_has_suggestions(path: Path) -> None:
    unknown = refusal("model_not_found", "there is no model tny", suggestions=["tiny"])
    with FakeDaemon(path, refusal=unknown), Client(path) as client:
        with pytest.raises(ModelNotFound) as caught:
            client.unload("tny")
    assert caught.value.suggestions == ("tiny",)


def test_error_without_detail_is_internal(path: Path) -> None:
    with FakeDaemon(path, Refusal(Status.UNKNOWN, "Internal Server Error")), Client(path) as client:
        with pytest.raises(InternalError, match="UNKNOWN"):
            client.ask("tiny", "hi")


def test_timeout_ends_a_call(path: Path) -> None:
    with FakeDaemon(path, HELLO, HANG) as daemon, Client(path, timeout=0.2) as client:
        with pytest.raises(DeadlineExceeded):
            client.ask("tiny", "hi")
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_message_too_large_is_an_invalid_request(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="larger than"):
        client.ask("tiny", "x" * (17 << 20))


def test_nobody_at_the_socket_is_said_in_a_sentence(path: Path) -> None:
    with Client(path, start=False) as client, pytest.raises(DaemonUnreachable, match=str(path)):
        client.status()


def test_socket_that_one_may_not_open_is_said_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("socket.socket.connect", refuse)
    with Client(path, start=False) as client, pytest.raises(NotPermitted, match="may not open"):
        client.status()


def test_client_waits_for_a_daemon_that_is_starting(path: Path) -> None:
    with Client(path, start=False, wait_seconds=WAIT_SECONDS) as client, ThreadPoolExecutor() as threads:
        answer = threads.submit(client.status)
        with FakeDaemon(path):
            assert answer.result(WAIT_SECONDS).version == "0.1.0"


def test_restart_between_calls_is_healed(path: Path) -> None:
    with Client(path, start=False) as client:
        for _ in range(3):
            with FakeDaemon(path):
                assert client.ask("tiny", "hi").text == "Hello, hob!"


def test_awkward_path_reaches_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "a b#?%41é.sock"
    with FakeDaemon(path), Client(path, start=False) as client:
        assert client.status().doors[0].path == str(path)


def test_load_tells_progress_and_ends_with_the_resident(client: Client) -> None:
    progress, resident = client.load("tiny", pin=True)
    assert (progress.kind, resident.kind) == ("progress", "resident")


def test_every_plain_call_returns_its_value(client: Client) -> None:
    assert client.tokenize("tiny", "abc") == [1, 2, 3]
    assert client.detokenize("tiny", [1]) == "abc"
    assert client.apply_template("tiny", "hi").num_tokens == 4
    assert [model.name for model in client.models()] == ["tiny", "big"]
    assert client.unload("tiny").was_resident
    client.pin("tiny")
    assert [step.kind for step in client.verify("tiny")] == ["verified"]
    assert client.status().residents[0].residency == "ready"
    assert [event.kind for event in client.watch()] == ["model_evicted"]
    assert client.attest().all_held
    assert client.drain(100).num_finished == 1


def test_async_client_streams(daemon: FakeDaemon) -> None:
    async def talk() -> str:
        async with AsyncClient(daemon.path) as client:
            return "".join([event.text async for event in client.chat("tiny", "hi")])

    assert asyncio.run(talk()) == "Hello, hob!"


def test_async_client_cancels_when_its_task_is_cancelled(path: Path) -> None:
    async def talk() -> None:
        async with AsyncClient(path) as client, asyncio.timeout(0.2):
            async with aclosing(client.chat("tiny", "hi")) as events:
                async for _ in events:
                    pass

    with FakeDaemon(path, HELLO, HANG) as daemon:
        with pytest.raises(TimeoutError):
            asyncio.run(talk())
        assert daemon.was_cancelled.wait(WAIT_SECONDS)


def test_async_client_raises_the_same_errors(path: Path) -> None:
    async def talk() -> None:
        async with AsyncClient(path, start=False) as client:
            await client.status()

    with pytest.raises(DaemonUnreachable):
        asyncio.run(talk())
    with FakeDaemon(path, refusal=refusal("busy", "busy")), pytest.raises(Busy):
        asyncio.run(talk())


def test_async_client_heals_a_restart(path: Path) -> None:
    async def talk() -> None:
        async with AsyncClient(path, start=False) as client:
            for _ in range(2):
                with FakeDaemon(path):
                    answer = await client.ask("tiny", "hi")
                    assert answer.text == "Hello, hob!"

    asyncio.run(talk())


def test_async_plain_calls_return_their_values(daemon: FakeDaemon) -> None:
    async def talk() -> None:
        async with AsyncClient(daemon.path) as client:
            assert await client.tokenize("tiny", "abc") == [1, 2, 3]
            assert [step.kind async for step in client.load("tiny")] == ["progress", "resident"]
            assert [model.name for model in await client.models()] == ["tiny", "big"]
            assert (await client.complete("tiny", [1, 2])).text == "Hello, hob!"

    asyncio.run(talk())


def test_sync_and_async_clients_offer_the_same() -> None:
    sync = {name for name in vars(Client) if not name.startswith("_")}
    assert sync == {name for name in vars(AsyncClient) if not name.startswith("_")}
