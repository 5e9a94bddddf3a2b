"""The channel for connections that gRPC cannot make, over a Unix socket: clients see no difference."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from hob.v1.daemon_pb2 import GetStatusRequest
from hob.v1.daemon_pb2_grpc import DaemonServiceStub
from hob_client import channel, errors
from hob_client.async_client import AsyncClient
from hob_client.client import Client
from hob_client.stream_channel import AsyncStreamChannel, CallFailed, StreamChannel

from tests.fakes.daemon import HANG, FakeDaemon, refusal, tell


def connecting(path: str) -> Callable[[Callable[[], Any]], Any]:
    async def connect(factory: Callable[[], Any]) -> Any:
        _, protocol = await asyncio.get_running_loop().create_unix_connection(factory, path)
        return protocol

    return connect


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Client]:
    """Clients whose links are such channels, as they are on Windows."""
    monkeypatch.setattr(
        "hob_client.calls.open_link", lambda path: channel.Link(StreamChannel(connecting(path)))
    )
    return lambda: Client(tmp_path / "hob.sock", start=False, timeout=20)


def test_answer_comes_in_pieces_and_whole(tmp_path: Path, client: Callable[[], Client]) -> None:
    with FakeDaemon(tmp_path / "hob.sock", *tell("Hel", "lo")), client() as hob:
        assert hob.complete("tiny", "hi").text == "Hello"
        assert hob.tokenize("tiny", "abc") == [1, 2, 3]


def test_error_has_what_the_daemon_said_of_it(tmp_path: Path, client: Callable[[], Client]) -> None:
    refused = refusal("busy", "wait a little", retry_after_ms=70)
    with FakeDaemon(tmp_path / "hob.sock", refusal=refused), client() as hob:
        with pytest.raises(errors.Busy, match="wait a little") as caught:
            hob.tokenize("tiny", "abc")
    assert caught.value.retry_after_ms == 70


def test_nobody_there_is_told_as_such(client: Callable[[], Client]) -> None:
    with client() as hob, pytest.raises(errors.DaemonUnreachable):
        hob.tokenize("tiny", "abc")


def test_iterator_that_is_dropped_cancels_its_call(tmp_path: Path, client: Callable[[], Client]) -> None:
    daemon = FakeDaemon(tmp_path / "hob.sock", *tell("Hello")[:2], HANG)
    with daemon, client() as hob:
        events = hob.generate("tiny", "hi")
        next(events)
        events.close()
        assert daemon.was_cancelled.wait(20)


def test_deadline_ends_a_call_that_hangs(tmp_path: Path, client: Callable[[], Client]) -> None:
    with FakeDaemon(tmp_path / "hob.sock", HANG), client() as hob:
        hob._timeout = 0.1
        with pytest.raises(errors.DeadlineExceeded):
            hob.complete("tiny", "hi")


def test_closing_ends_calls_of_other_threads(tmp_path: Path, client: Callable[[], Client]) -> None:
    ended: list[str] = []

    def listen(hob: Client) -> None:
        try:
            hob.complete("tiny", "hi")
        except errors.HobError as error:
            ended.append(error.code)

    daemon = FakeDaemon(tmp_path / "hob.sock", HANG)
    with daemon:
        hob = client()
        listening = threading.Thread(target=listen, args=(hob,))
        listening.start()
        while not daemon.requests:
            threading.Event().wait(0.01)
        hob.close()
        listening.join(20)
    assert not listening.is_alive() and ended == ["cancelled"]


def test_closed_channel_refuses_and_can_be_closed_again(tmp_path: Path) -> None:
    channel = StreamChannel(connecting(str(tmp_path / "nobody.sock")))
    channel.close()
    channel.close()
    stub: Any = DaemonServiceStub
    with pytest.raises(CallFailed) as caught:
        stub(channel).GetStatus(GetStatusRequest())
    assert caught.value.code() is grpc.StatusCode.CANCELLED


async def answer_of_tasks(path: Path) -> tuple[str, list[int]]:
    async with AsyncClient(path, start=False, timeout=20) as hob:
        return (await hob.complete("tiny", "hi")).text, await hob.tokenize("tiny", "abc")


def test_tasks_of_a_loop_are_answered_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hob_client.async_calls.open_async_link",
        lambda path: channel.Link(AsyncStreamChannel(connecting(path))),
    )
    with FakeDaemon(tmp_path / "hob.sock", *tell("Hel", "lo")):
        assert asyncio.run(answer_of_tasks(tmp_path / "hob.sock")) == ("Hello", [1, 2, 3])
