"""A call that nobody took is made again, a few times; one that was taken is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hob_client import errors
from hob_client.async_calls import AsyncCalls
from hob_client.calls import PAUSES_SECONDS, Calls


class Hung(grpc.RpcError):  # type: ignore[misc]
    """How gRPC tells that a connection was not taken, or was closed."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "connect failed"

    def trailing_metadata(self) -> tuple[()]:
        return ()


class Door:
    """A daemon that is there, and whose queue is full for so many attempts."""

    def __init__(self, path: Path, num_full: int) -> None:
        self.path = self.name = str(path)
        self._num_left = num_full
        self.num_ensured = 0

    def ensure(self, *, start: bool, wait_seconds: float = 0.0) -> None:
        self.num_ensured += 1

    def close(self) -> None:
        pass

    def rpc(self, _link: object) -> Callable[..., str]:
        def attempt(_request: object, timeout: float | None) -> str:
            self._num_left -= 1
            if self._num_left >= 0:
                raise Hung()
            return "answered"

        return attempt


@pytest.mark.parametrize("num_full", range(len(PAUSES_SECONDS) + 1))
def test_full_queue_is_tried_again(tmp_path: Path, num_full: int) -> None:
    door = Door(tmp_path / "hob.sock", num_full)
    with Calls(door) as calls:
        assert calls._call(door.rpc, None) == "answered"
    assert door.num_ensured == num_full


def test_door_that_stays_closed_is_given_up(tmp_path: Path) -> None:
    door = Door(tmp_path / "hob.sock", 99)
    with Calls(door) as calls, pytest.raises(errors.DaemonUnreachable):
        calls._call(door.rpc, None)
    assert door.num_ensured == len(PAUSES_SECONDS)


class Stream:
    """Messages, and then the end of the line; or the end at once."""

    def __init__(self, *messages: str) -> None:
        self._messages = messages

    def __iter__(self) -> Iterator[str]:
        yield from self._messages
        raise Hung()

    def cancel(self) -> None:
        pass


def test_stream_that_has_begun_is_not_asked_for_again(tmp_path: Path) -> None:
    door, num_asked = Door(tmp_path / "hob.sock", 0), 0

    def rpc(_link: object) -> Callable[..., Stream]:
        nonlocal num_asked
        num_asked += 1
        return lambda _request, timeout: Stream("one")

    with Calls(door) as calls, pytest.raises(errors.DaemonUnreachable):
        list(calls._stream(rpc, None))
    assert num_asked == 1


def test_stream_that_nobody_took_is_asked_for_again(tmp_path: Path) -> None:
    door = Door(tmp_path / "hob.sock", 0)
    streams: Iterator[Any] = iter([Stream(), Stream(), iter(())])

    class Ending(list[str]):
        def cancel(self) -> None:
            pass

    def rpc(_link: object) -> Callable[..., Any]:
        stream = next(streams)
        return lambda _request, timeout: stream if isinstance(stream, Stream) else Ending(["whole"])

    with Calls(door) as calls:
        assert list(calls._stream(rpc, None)) == ["whole"]


def test_tasks_try_a_full_queue_again(tmp_path: Path) -> None:
    door = Door(tmp_path / "hob.sock", 2)

    def rpc(link: object) -> Callable[..., Any]:
        async def attempt(request: object, timeout: float | None) -> str:
            return door.rpc(link)(request, timeout)

        return attempt

    async def call() -> Any:
        async with AsyncCalls(door) as calls:
            return await calls._call(rpc, None)

    assert asyncio.run(call()) == "answered"
