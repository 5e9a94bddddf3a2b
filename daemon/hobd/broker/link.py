"""The broker's end of the wire to one worker: strict in what it takes, routing it to sessions.

Must treat every byte as hostile: a surprise breaks the link, and a broken link kills the worker.
Made by resident.py.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hobd.wire import messages as m
from hobd.wire.framing import FrameReader, WireError, encode

if TYPE_CHECKING:
    from hobd.broker.windows_spawning import PipeEnd

_MOST_DESCRIPTORS = 200  # in one call; the kernel takes 253


class Link(asyncio.Protocol):
    """Frames in both directions, and the phase of the worker's life.

    `on_message` gets each allowed message; `on_broken(reason)` comes once, when the worker's end closed
    (reason "") or broke the contract (what it did). Nothing comes after it.
    """

    def __init__(
        self,
        sock: socket.socket | PipeEnd,
        on_message: Callable[[m.Message], None],
        on_broken: Callable[[str], None],
    ) -> None:
        self._sock = sock
        self.phase = m.Phase.STARTING
        self._on_message = on_message
        self._on_broken: Callable[[str], None] | None = on_broken
        self._reader = FrameReader(of_worker=True)
        self._transport: asyncio.Transport | None = None

    def send(self, message: m.Message) -> None:
        """Sends one message; to a worker that is gone it is dropped, as its sessions already know."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def send_first(self, message: m.Message, descriptors: Sequence[int]) -> None:
        """Sends the first message of all, and open files with it. The worker gets copies of them."""
        assert self._transport is not None and self._transport.get_write_buffer_size() == 0
        if not isinstance(self._sock, socket.socket):
            self._transport.write(encode(self._sock.with_handles(message, descriptors)))
            return
        frame, sent = encode(message), 0
        batches = [
            descriptors[begin : begin + _MOST_DESCRIPTORS]
            for begin in range(0, len(descriptors), _MOST_DESCRIPTORS)
        ]
        try:
            for left, batch in zip(range(len(batches) - 1, -1, -1), batches, strict=True):
                # Each batch needs a byte to travel with; the last one takes what is left.
                part = frame[sent : sent + 1] if left else frame[sent:]
                sent += socket.send_fds(self._sock, [part], list(batch))
        except (BrokenPipeError, ConnectionResetError):
            return  # it has died, and the end of its stream says so
        self._transport.write(frame[sent:])

    def breach(self, reason: str) -> None:
        """The worker broke the contract by another way than this one."""
        self._break(reason)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._check_phase(message)
                self._on_message(message)
        except WireError as error:
            self._break(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self._break("")

    # ------------------------------------------------------------------ private steps

    def _check_phase(self, message: m.Message) -> None:
        kind = type(message)
        if kind not in m.ALLOWED[self.phase]:
            raise WireError(f"a {kind.__name__} while {self.phase.value}")
        self.phase = m.NEXT_PHASE.get(kind, self.phase)

    def _break(self, reason: str) -> None:
        on_broken, self._on_broken = self._on_broken, None
        if on_broken is not None:
            self.close()
            on_broken(reason)
