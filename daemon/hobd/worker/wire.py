"""The worker's end of the one socket it was born with: frames both ways, and the files that come with Load.

Must take no descriptor after the first message: the kernel drops what nobody asks for. Used by serve.py.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hobd.wire import messages as m
from hobd.wire.framing import FrameReader, WireError, encode

if TYPE_CHECKING:
    from hobd.worker.windows_wire import PipeSocket

_READ_BYTES = 1 << 18
_MOST_DESCRIPTORS = 253  # that one message can carry (SCM_MAX_FD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a load works on, open and verified. Who uses one closes it."""

    model: int
    draft: int | None = None
    projector: int | None = None
    adapters: Sequence[int] = ()
    tray: int | None = None


class Wire:
    """`send` from any thread, `receive` from one."""

    def __init__(self, sock: socket.socket | PipeSocket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._descriptors: list[int] = []
        self._takes_descriptors = True

    def send(self, message: m.Message) -> None:
        frame = encode(message)
        with self._lock:
            self._sock.sendall(frame)

    def progress(self, fraction: float) -> None:
        """A model is loaded so far."""
        self.send(m.Loading(min(1.0, max(0.0, fraction))))

    def receive(self) -> Iterator[m.Message]:
        """Every message until the broker closes its end."""
        reader = FrameReader(of_worker=False)
        while data := self._read():
            for message in reader.feed(data):
                self._takes_descriptors = False
                yield message

    def files(self, purposes: Sequence[m.Purpose]) -> Files:
        """What came with a Load that says so of its descriptors. Raises WireError."""
        fds, self._descriptors = self._descriptors, []
        if len(fds) != len(purposes) or purposes.count("model") != 1:
            for fd in fds:
                os.close(fd)
            raise WireError(f"{len(fds)} descriptors came where {len(purposes)} were announced")
        by_purpose: dict[str, list[int]] = {}
        for purpose, fd in zip(purposes, fds, strict=True):
            by_purpose.setdefault(purpose, []).append(fd)
        return Files(
            model=by_purpose["model"][0],
            draft=next(iter(by_purpose.get("draft", ())), None),
            projector=next(iter(by_purpose.get("projector", ())), None),
            adapters=by_purpose.get("adapter", ()),
            tray=next(iter(by_purpose.get("tray", ())), None),
        )

    def _read(self) -> bytes:
        if not self._takes_descriptors or not isinstance(self._sock, socket.socket):
            return self._sock.recv(_READ_BYTES)
        data, fds, flags, _ = socket.recv_fds(
            self._sock, _READ_BYTES, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        self._descriptors += fds
        if flags & socket.MSG_CTRUNC:
            raise WireError("more descriptors came than one message can carry")
        return data
