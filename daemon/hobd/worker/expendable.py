"""The worker's hold on processes that may die of what they are asked: one question, one answer, in time.

Must believe nothing that a child says beyond the types of its answers. renderer.py has the other end;
template.py and darkroom.py know what to ask.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from hobd.wire.attesting import SelfTest, Tested
from hobd.worker.bell import Bell
from hobd.worker.renderer import BORN, LENGTH, Responders, frame, run_zygote

WALL_SECONDS = 10.0
#: How a child ends that someone else killed: the user, or the kernel when memory is short.
KILLED = (-signal.SIGKILL, -signal.SIGTERM)
#: How a child ended that did not speak as agreed: as if by an error.
_NONSENSE = 1 << 8
_TESTED: msgspec.msgpack.Decoder[Tested] = msgspec.msgpack.Decoder(Tested)
Answer = TypeVar("Answer")


class _Died(Exception):
    """The child closed its end."""


class Lost(Exception):
    """A question got no answer. `status`: how the child ended; None when it was not done in time."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


class Gone(Exception):
    """There is no process any more that could make a child."""


def start_zygote(
    learn: Callable[[], Responders], bell: Bell | None, *, sleeps: bool = False
) -> tuple[socket.socket, int]:
    """Forks and returns at once, with the control socket and the pid. The process must have one thread, and
    be confined already. `learn` is called in the zygote, which encloses itself then and rings the `bell`;
    if it `sleeps`, not before `wake`."""
    control, zygotes_end = socket.socketpair()
    worker_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_zygote(zygotes_end, worker_pid, learn, bell=bell, sleeps=sleeps)
    zygotes_end.close()
    return control, pid


class Expendable(Generic[Answer]):
    """Asks another process, which may die of it; the next question gets a new one."""

    __slots__ = ("_answers", "_child", "_control", "_max_bytes", "_zygote_pid")

    def __init__(
        self,
        control: socket.socket,
        zygote_pid: int,
        answers: msgspec.msgpack.Decoder[Answer],
        *,
        max_bytes: int,
    ) -> None:
        """What a child says is decoded with `answers`, and no longer than `max_bytes`."""
        self._control = control
        self._zygote_pid = zygote_pid
        self._answers = answers
        self._max_bytes = max_bytes
        self._child: socket.socket | None = None  # None until the zygote's first word is read

    def wake(self) -> None:
        """For a zygote that sleeps, once."""
        with contextlib.suppress(OSError):  # gone: whoever asks it hears that
            self._control.send(b"\n")

    def exchange(self, question: bytes) -> Answer:
        """Raises Lost or Gone. Returns within WALL_SECONDS, or a little over when it has to kill."""
        answer: Answer = self._exchange(question, self._answers)
        return answer

    def attest(self) -> Tested:
        """The child walks into its own walls. Raises Lost or Gone, as `exchange` does."""
        tested: Tested = self._exchange(frame(SelfTest()), _TESTED)
        return tested

    def _exchange(self, question: bytes, answers: msgspec.msgpack.Decoder[Any]) -> Any:
        deadline = time.monotonic() + WALL_SECONDS
        try:
            return self._ask(question, deadline, answers)
        except _Died:
            status = self.replace_child()
        if os.waitstatus_to_exitcode(status) not in KILLED:
            raise Lost(status)
        # The question did nothing to it: it may have been dead before it came. Once more.
        try:
            return self._ask(question, deadline, answers)
        except _Died:
            raise Lost(self.replace_child()) from None

    def replace_child(self) -> int:
        """Buries the child, dead or alive, and takes a new one; returns how the old one ended."""
        if self._child is not None:
            self._child.close()
            self._child = None
        try:
            self._control.send(b"\n")
        except OSError:
            self._gone()
        return self._await_child(time.monotonic() + WALL_SECONDS)[1]

    def close(self) -> None:
        """Ends both processes. The worker's own end does the same."""
        self._control.close()
        if self._child is not None:
            self._child.close()
        os.waitpid(self._zygote_pid, 0)

    # ------------------------------------------------------------------ one question, one answer

    def _ask(self, question: bytes, deadline: float, answers: msgspec.msgpack.Decoder[Any]) -> Any:
        try:
            child = self._child or self._await_child(deadline)[0]
            _send(child, question, deadline)
            return self._read(child, deadline, answers)
        except TimeoutError:
            self.replace_child()
            raise Lost(None) from None
        except msgspec.DecodeError:
            self.replace_child()
            raise Lost(_NONSENSE) from None

    def _read(self, child: socket.socket, deadline: float, answers: msgspec.msgpack.Decoder[Any]) -> Any:
        (length,) = LENGTH.unpack(_receive(child, LENGTH.size, deadline))
        if length > self._max_bytes:
            raise msgspec.DecodeError("over the cap")
        try:
            return answers.decode(_receive(child, length, deadline))
        except UnicodeDecodeError:
            raise msgspec.DecodeError("not UTF-8") from None

    # ------------------------------------------------------------------ children come and go

    def _await_child(self, deadline: float) -> tuple[socket.socket, int]:
        try:
            self._control.settimeout(max(0.001, deadline - time.monotonic()))
            born, fds, _, _ = socket.recv_fds(self._control, BORN.size, 1, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            self._gone()
        if len(born) != BORN.size or len(fds) != 1:
            self._gone()
        self._child = socket.socket(fileno=fds[0])
        return self._child, BORN.unpack(born)[1]

    def _gone(self) -> NoReturn:
        """A worker full of threads cannot fork another zygote."""
        self._control.close()
        raise Gone from None


def _send(child: socket.socket, data: bytes, deadline: float) -> None:
    child.settimeout(max(0.001, deadline - time.monotonic()))
    try:
        child.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        raise _Died from None


def _receive(child: socket.socket, size: int, deadline: float) -> bytearray:
    buffer = bytearray(size)
    rest = memoryview(buffer)
    while rest:
        child.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            count = child.recv_into(rest)
        except ConnectionResetError:
            count = 0
        if count == 0:
            raise _Died
        rest = rest[count:]
    return buffer
