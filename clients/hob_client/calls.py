"""One connection, and how calls go over it: again where nobody was there to answer.

Must never outlive its calls on the server, and tells every failure as one of hob_client.errors.
The base of client.py's client; async_calls.py is its twin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from hob_client.channel import Link, open_link
from hob_client.errors import DaemonUnreachable, from_rpc
from hob_client.events import Event
from hob_client.reading import read, read_event
from hob_client.remote.reach import Reach, reach

Rpc = Callable[[Link], Any]
#: Before each further attempt. Where many dial at once, somebody else may get the place in the daemon's queue
#: that came free.
PAUSES_SECONDS = (0.0, 0.05, 0.25)


class Calls:
    """What a client does to be answered; see Client and AsyncClient for the arguments."""

    def __init__(
        self,
        socket: Path | str | Reach | None = None,
        *,
        start: bool = True,
        wait_seconds: float = 0.0,
        timeout: float | None = None,
    ) -> None:
        self._reach = reach(socket)
        self._is_shared = self._reach is socket  # whoever made it closes it
        self._start = start
        self._wait_seconds = wait_seconds
        self._timeout = timeout
        self._link = open_link(self._reach.path)
        self._reviving = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every call under way, then the connection."""
        self._link.channel.close()
        if not self._is_shared:
            self._reach.close()

    def _events(self, rpc: Rpc, request: Any) -> Generator[Event, None, None]:
        with closing(self._stream(rpc, request)) as messages:
            for message in messages:
                event = read_event(message.event)
                if event is not None:
                    yield event

    def _kinds(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        with closing(self._stream(rpc, request)) as messages:
            for message in messages:
                kind = message.WhichOneof("kind")
                if kind is not None:
                    yield read(getattr(message, kind))

    def _stream(self, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        """The messages of a call. If nobody was there to take it, revives the daemon and calls again."""
        has_answered = False
        for pause in PAUSES_SECONDS:
            link = self._link
            try:
                with closing(self._dial(link, rpc, request)) as messages:
                    for message in messages:
                        has_answered = True
                        yield message
                return
            except DaemonUnreachable:
                if has_answered:
                    raise
            time.sleep(pause)
            self._revive(link)
        yield from self._dial(self._link, rpc, request)

    def _dial(self, link: Link, rpc: Rpc, request: Any) -> Generator[Any, None, None]:
        has_answered = False
        call = rpc(link)(request, timeout=self._timeout)
        try:
            for message in call:
                has_answered = True
                yield message
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._reach.name, has_answered=has_answered) from None
        finally:
            call.cancel()

    def _call(self, rpc: Rpc, request: Any) -> Any:
        for pause in PAUSES_SECONDS:
            link = self._link
            with suppress(DaemonUnreachable):
                return self._dial_once(link, rpc, request)
            time.sleep(pause)
            self._revive(link)
        return self._dial_once(self._link, rpc, request)

    def _dial_once(self, link: Link, rpc: Rpc, request: Any) -> Any:
        try:
            return rpc(link)(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_rpc(error, socket=self._reach.name) from None

    def _revive(self, dead: Link) -> None:
        """See to it that somebody listens, and connect anew, unless another thread just did."""
        with self._reviving:
            if self._link is dead:
                self._reach.ensure(start=self._start, wait_seconds=self._wait_seconds)
                self._link = open_link(self._reach.path)
                dead.channel.close()
