"""What a worker that was taken over might do to the broker, over the one socket it has.

Must be able to do no more than any code in a worker could: it writes bytes. Used by worker_main.py.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable

from hobd.wire import messages as m
from hobd.wire.framing import encode

_SECONDS = 3.0


def _flood(fd: int) -> None:
    """Steps of nothing, as fast as they are taken."""
    lot = encode(m.Step([], [], [], m.Tally())) * 200
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        os.write(fd, lot)


def _deep(fd: int) -> None:
    body = b"\x91" * 200_000 + b"\xc0"
    os.write(fd, struct.pack("<I", len(body)) + body)


def _foreign(fd: int) -> None:
    """Ends for whatever requests others may have."""
    ends = [m.End(id, "eos", "", 0, 0, 0, 0, 0, 0) for id in range(1, 1000)]
    os.write(fd, encode(m.Step([end.id for end in ends], [], ends, m.Tally())))


def _half(fd: int) -> None:
    os.write(fd, struct.pack("<I", 1 << 20) + b"\x93")


def _descriptors(fd: int) -> None:
    """As many descriptors as one message takes, again and again."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as sock:
        gift = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd] * 250))]
        for _ in range(200):
            sock.sendmsg([encode(m.Step([], [], [], m.Tally()))], gift)


def _torrent(fd: int) -> None:
    """As much text as fits into frames, for a request that it has."""
    for _ in range(30):
        for id in range(1, 10):
            os.write(fd, encode(m.Step([], [m.Delta(id, "x" * (1 << 20), [], [7])], [], m.Tally())))


ATTACKS: dict[str, Callable[[int], None]] = {
    "flood": _flood,
    "deep": _deep,
    "foreign": _foreign,
    "half": _half,
    "descriptors": _descriptors,
    "torrent": _torrent,
}


def attack(name: str, fd: int) -> None:
    """Then it is silent, and does not listen either."""
    ATTACKS[name](fd)
    time.sleep(30)
