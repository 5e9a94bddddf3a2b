"""Who does not say what he wants is hung up on; who says it is waited for."""

from __future__ import annotations

from typing import Any

import pytest
from hob_gateway.patience import HEAD_SECONDS, ImpatientProtocol, settings
from uvicorn.server import ServerState


class Timer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Remembers what was to be called later, and calls nothing."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Any, Timer]] = []

    def call_later(self, seconds: float, callback: Any, *arguments: Any) -> Timer:
        self.timers.append((seconds, callback, Timer()))
        return self.timers[-1][2]

    def create_task(self, task: Any, **named: Any) -> Any:
        task.close()
        return self

    def add_done_callback(self, callback: Any) -> None: ...


class Transport:
    def get_extra_info(self, name: str) -> None: ...
    def is_closing(self) -> bool:
        return False

    def abort(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


@pytest.fixture
def protocol() -> ImpatientProtocol:
    config = settings(lambda scope, receive, send: None, None, None)  # type: ignore[arg-type, return-value]
    config.load()
    made = ImpatientProtocol(config, ServerState(), {}, _loop=Loop())  # type: ignore[arg-type]
    made.connection_made(Transport())
    return made


def heads(protocol: ImpatientProtocol) -> list[Timer]:
    loop: Any = protocol.loop
    return [timer for seconds, callback, timer in loop.timers if callback == protocol.transport.abort]


@pytest.mark.parametrize("pieces", [[], [b"GET "], [b"GET / HTTP/1.1\r\n", b"X: y\r\n", b"Z: y\r\n"]])
def test_head_that_does_not_end_has_one_time_limit(protocol: ImpatientProtocol, pieces: list[bytes]) -> None:
    for piece in pieces:
        protocol.data_received(piece)
    assert [timer.is_cancelled for timer in heads(protocol)] == [False]
    assert protocol.loop.timers[0][0] == HEAD_SECONDS  # type: ignore[attr-defined]


def test_head_that_ends_in_time_is_waited_for_no_more(protocol: ImpatientProtocol) -> None:
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [timer.is_cancelled for timer in heads(protocol)] == [True]


def test_nobody_is_hung_up_on_who_left(protocol: ImpatientProtocol) -> None:
    protocol.connection_lost(None)
    assert [timer.is_cancelled for timer in heads(protocol)] == [True]
