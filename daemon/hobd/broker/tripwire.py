"""Hears of each call that the kernel refused a worker or one of its children, and lets the caller go on.

Must answer every call that it hears of, never block, and believe nothing but the kernel: a worker cannot keep
an attempt from being told here. Made by conduct.py; what becomes of a trip is trips.py's business.

Two calls are no trips: a zygote ends its child (expendable.py in the worker), and mtmd opens the projector.
Whoever tries again and again waits longer and longer for the answer; others do not.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import os
import signal
import socket
import struct
from collections.abc import Callable
from enum import Enum

from hobd.sandbox import tripwire
from hobd.sandbox.tripwire import Attempt

_WORKER, _ZYGOTE = b"worker", b"zygote"
_MOST_LISTENERS = 3  # the worker's, and those of two zygotes
#: mtmd opens its file for the header, and for each part of the weights.
_MOST_GIFTS = 16
#: So many attempts are answered at once; each further lot waits.
_LOT, _PAUSE_SECONDS = 32, 0.25
_MOST_PROCESSES = 1 << 22  # the kernel's bound on process ids
_CREDENTIALS = struct.Struct("=iII")


class Verdict(Enum):
    REFUSE = "refuse"
    LET = "let"  # a zygote may end its own child
    GIVE = "give"  # the projector's descriptor


def judge(attempt: Attempt, *, zygote_pid: int | None, is_projecting: bool) -> Verdict:
    """What becomes of a call. `zygote_pid`: of the process that enclosed itself as one, if it did."""
    if attempt.call == "kill" and attempt.pid == zygote_pid:
        pid, number = attempt.arguments[:2]
        if 0 < pid < _MOST_PROCESSES and number == signal.SIGKILL:
            return Verdict.LET
    if attempt.call in ("open", "openat") and zygote_pid is None and is_projecting:
        return Verdict.GIVE
    return Verdict.REFUSE


class Tripwire:
    """The listeners of one worker and its zygotes, until `close`."""

    def __init__(
        self,
        bell: socket.socket,
        *,
        on_trip: Callable[[str], None],
        on_breach: Callable[[str], None],
        projector: Callable[[], int | None],
    ) -> None:
        """`on_trip` gets the name of each refused call, `on_breach` what came over the bell that should not.
        `projector`: the descriptor that the worker is loading now, if it is."""
        bell.setblocking(False)
        self._bell = bell
        self._on_trip = on_trip
        self._on_breach = on_breach
        self._projector = projector
        self._listeners: dict[int, int | None] = {}  # descriptor: pid of its zygote
        self._pauses: dict[int, asyncio.TimerHandle] = {}
        self._num_attempts: dict[int, int] = {}
        self._num_gifts = 0
        self._num_taken = 0
        self._is_armed = False
        asyncio.get_running_loop().add_reader(bell, self._on_bell)

    @property
    def is_armed(self) -> bool:
        """Whether the worker's own listener is here, also if it has come only now."""
        if not self._is_armed and self._bell.fileno() >= 0:
            self._on_bell()
        return self._is_armed

    def close(self) -> None:
        """Whoever is left is refused everything by the kernel."""
        self._hang_up()
        for listener in list(self._listeners):
            self._drop(listener)

    # ------------------------------------------------------------------ the bell

    def _on_bell(self) -> None:
        try:
            word, ancillary, flags, _ = self._bell.recvmsg(
                len(_WORKER),
                socket.CMSG_SPACE(4) + socket.CMSG_SPACE(_CREDENTIALS.size),
                socket.MSG_CMSG_CLOEXEC,
            )
        except BlockingIOError:
            return
        except OSError:
            word, ancillary, flags = b"", [], 0
        if not word:
            self._hang_up()
            return
        descriptors, pid = _unpack(ancillary)
        if self._is_sound(word, descriptors, flags):
            self._take(descriptors[0], pid if word == _ZYGOTE else None)
            return
        for descriptor in descriptors:
            os.close(descriptor)
        self._hang_up()
        self._on_breach("it rang its bell with something else than a listener")

    def _is_sound(self, word: bytes, descriptors: list[int], flags: int) -> bool:
        return (
            len(descriptors) == 1
            and not flags & socket.MSG_CTRUNC
            and self._num_taken < _MOST_LISTENERS
            and (word == _ZYGOTE or (word == _WORKER and not self._is_armed))
            and tripwire.is_listener(descriptors[0])
        )

    def _take(self, listener: int, zygote_pid: int | None) -> None:
        self._num_taken += 1
        self._is_armed |= zygote_pid is None
        self._listeners[listener] = zygote_pid
        self._num_attempts[listener] = 0
        asyncio.get_running_loop().add_reader(listener, self._on_attempt, listener)

    def _hang_up(self) -> None:
        if self._bell.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._bell)
            self._bell.close()

    # ------------------------------------------------------------------ attempts

    def _on_attempt(self, listener: int) -> None:
        attempt = tripwire.next_attempt(listener)
        if attempt is None:
            if tripwire.is_over(listener):
                self._drop(listener)
            return
        projector = self._projector()
        may_have = projector is not None and self._num_gifts < _MOST_GIFTS
        verdict = judge(attempt, zygote_pid=self._listeners[listener], is_projecting=may_have)
        if verdict is Verdict.LET:
            tripwire.let(listener, attempt)
            return
        if verdict is Verdict.GIVE and projector is not None:
            self._give(listener, attempt, projector)
            return
        tripwire.refuse(listener, attempt, _errno_of(attempt.call))
        self._slow_down(listener)
        self._on_trip(attempt.call)

    def _give(self, listener: int, attempt: Attempt, projector: int) -> None:
        """The file anew, read from its beginning: copies of a descriptor share their place."""
        self._num_gifts += 1
        try:
            file = os.open(f"/proc/self/fd/{projector}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:  # it cannot be read any more: no trip, but a projector that does not load
            tripwire.refuse(listener, attempt, error.errno or errno.EIO)
            return
        try:
            tripwire.give(listener, attempt, file)
        finally:
            os.close(file)

    def _slow_down(self, listener: int) -> None:
        """Who floods us waits: the kernel holds the caller until it is answered."""
        self._num_attempts[listener] += 1
        if self._num_attempts[listener] % _LOT == 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            self._pauses[listener] = loop.call_later(_PAUSE_SECONDS, self._go_on, listener)

    def _go_on(self, listener: int) -> None:
        del self._pauses[listener]
        asyncio.get_running_loop().add_reader(listener, self._on_attempt, listener)

    def _drop(self, listener: int) -> None:
        if (pause := self._pauses.pop(listener, None)) is not None:
            pause.cancel()
        del self._listeners[listener]
        asyncio.get_running_loop().remove_reader(listener)
        os.close(listener)


def _unpack(ancillary: list[tuple[int, int, bytes]]) -> tuple[list[int], int | None]:
    descriptors, pid = array.array("i"), None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) // descriptors.itemsize * descriptors.itemsize])
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            with contextlib.suppress(struct.error):
                pid = _CREDENTIALS.unpack(data)[0]
    return list(descriptors), pid


def _errno_of(call: str) -> int:
    """What programs expect of a system that has no such thing."""
    return errno.EAFNOSUPPORT if call in ("socket", "socketpair") else errno.EPERM
