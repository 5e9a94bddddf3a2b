"""The worker's hold on what is hostile: asks the renderer's processes, and believes nothing they say.

Must not import jinja2, nor ever pass on words that could be a prompt's: errors about templates are sentences
of this file. Made by worker/__main__.py before any thread exists; called by worker/intake.py's one thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import time
from typing import NoReturn

import msgspec

from hobd.wire.messages import Constraint
from hobd.worker.engine import ConstraintUnusable
from hobd.worker.renderer import (
    BORN,
    CPU_SECONDS,
    EXIT_NO_MEMORY,
    LENGTH,
    MAX_OUTPUT_BYTES,
    MEMORY_BYTES,
    RESERVED_NAMES,
    Ask,
    Done,
    Failed,
    Trial,
    frame,
    run_zygote,
)

WALL_SECONDS = 10.0
_MAX_FRAME_BYTES = MAX_OUTPUT_BYTES + 64
#: How a child ends that someone else killed: the user, or the kernel when memory is short.
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)
#: How a child ended that did not speak as agreed: as if by an error.
_NONSENSE = 1 << 8
_ANSWERED: msgspec.msgpack.Decoder[Done | Failed] = msgspec.msgpack.Decoder(Done | Failed)


class TemplateError(Exception):
    """One sentence without a word of the prompt; `error` names the class of errors.py to refuse with."""

    def __init__(self, message: str, error: str = "InvalidRequest") -> None:
        super().__init__(message)
        self.message = message
        self.error = error


class _Died(Exception):
    """The child closed its end."""


class _Lost(Exception):
    """A question got no answer. `status`: how the child ended; None when it was not done in time."""

    def __init__(self, status: int | None) -> None:
        super().__init__()
        self.status = status


def template_digest(template: str) -> str:
    """The name by which receipts speak of a template."""
    return hashlib.sha256(template.encode("utf-8", "replace")).hexdigest()


def start_renderer() -> Renderer:
    """Forks the zygote and returns at once. The process must have one thread, and be confined already."""
    control, zygotes_end = socket.socketpair()
    worker_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_zygote(zygotes_end, worker_pid)
    zygotes_end.close()
    return Renderer(control, pid)


class Renderer:
    """Renders and rehearses in another process, which may die of it; the next call gets a new one."""

    __slots__ = ("_child", "_control", "_zygote_pid")

    def __init__(self, control: socket.socket, zygote_pid: int) -> None:
        self._control = control
        self._zygote_pid = zygote_pid
        self._child: socket.socket | None = None  # None until the zygote's first word is read

    def render(
        self,
        template: str,
        messages_json: bytes,
        tools_json: bytes,
        arguments_json: bytes,
        *,
        add_generation_prompt: bool,
        continue_last: bool,
        bos: str,
        eos: str,
    ) -> str:
        """The prompt, or TemplateError. Returns within WALL_SECONDS, or a little over when it has to kill."""
        ask = Ask(
            template=template,
            messages=messages_json,
            tools=tools_json,
            arguments=arguments_json,
            add_generation_prompt=add_generation_prompt,
            continue_last=continue_last,
            bos=bos,
            eos=eos,
        )
        try:
            answer = self._exchange(frame(ask), time.monotonic() + WALL_SECONDS)
        except _Lost as lost:
            raise TemplateError(*_epitaph(lost.status)) from None
        if isinstance(answer, Failed):
            raise _explain(answer, template)
        return answer.text

    def rehearse(self, constraint: Constraint) -> None:
        """Returns when it was compiled within limits; else raises ConstraintUnusable."""
        try:
            answer = self._exchange(frame(Trial(constraint)), time.monotonic() + WALL_SECONDS)
        except _Lost:
            raise ConstraintUnusable(
                f"{constraint.field} takes too much time or memory to compile; simplify it"
            ) from None
        if isinstance(answer, Failed):
            raise ConstraintUnusable("".join(c if c.isprintable() else "?" for c in answer.detail))

    def close(self) -> None:
        """Ends both processes. The worker's own end does the same."""
        self._control.close()
        if self._child is not None:
            self._child.close()
        os.waitpid(self._zygote_pid, 0)

    # ------------------------------------------------------------------ one question, one answer

    def _exchange(self, question: bytes, deadline: float) -> Done | Failed:
        try:
            return self._ask(question, deadline)
        except _Died:
            status = self._replace_child()
        if os.waitstatus_to_exitcode(status) not in _KILLED:
            raise _Lost(status)
        # The template did nothing to it: it may have been dead before the question came. Once more.
        try:
            return self._ask(question, deadline)
        except _Died:
            raise _Lost(self._replace_child()) from None

    def _ask(self, question: bytes, deadline: float) -> Done | Failed:
        try:
            child = self._child or self._await_child(deadline)[0]
            _send(child, question, deadline)
            return self._read(child, deadline)
        except TimeoutError:
            self._replace_child()
            raise _Lost(None) from None
        except msgspec.DecodeError:
            self._replace_child()
            raise _Lost(_NONSENSE) from None

    def _read(self, child: socket.socket, deadline: float) -> Done | Failed:
        (length,) = LENGTH.unpack(_receive(child, LENGTH.size, deadline))
        if length > _MAX_FRAME_BYTES:
            raise msgspec.DecodeError("over the cap")
        try:
            return _ANSWERED.decode(_receive(child, length, deadline))
        except UnicodeDecodeError:
            raise msgspec.DecodeError("not UTF-8") from None

    # ------------------------------------------------------------------ children come and go

    def _replace_child(self) -> int:
        """Buries the child, dead or alive, and takes a new one; returns how the old one ended."""
        if self._child is not None:
            self._child.close()
            self._child = None
        try:
            self._control.send(b"\n")
        except OSError:
            self._gone()
        return self._await_child(time.monotonic() + WALL_SECONDS)[1]

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
        """A worker full of threads cannot fork another zygote. Chat ends here; the rest goes on."""
        self._control.close()
        raise TemplateError(
            "the process that renders chat templates is gone; unload the model, and chat again",
            "WorkerCrashed",
        ) from None


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


# ------------------------------------------------------------------ sentences

_BROKEN = "the model's chat template broke its renderer; put a sound one beside the model, as NAME.jinja"
_SENTENCES = {
    "syntax": (
        "the model's chat template has a syntax error on line {line}; "
        "put a sound one beside the model, as NAME.jinja",
        "ModelUnusable",
    ),
    "forbidden": (
        "the model's chat template tried what templates may not do; do not trust this model",
        "ModelUnusable",
    ),
    "raised": (
        "the model's chat template refuses these messages; check their roles and order",
        "InvalidRequest",
    ),
    "undefined": (
        "the model's chat template uses what the messages lack; check their roles and fields",
        "InvalidRequest",
    ),
    "output": (
        f"the rendered conversation is over {MAX_OUTPUT_BYTES >> 20} MiB; send less",
        "InvalidRequest",
    ),
    "messages": ("messages must be a list of at least one object; mend the request", "InvalidRequest"),
    "arguments": ("template arguments must be an object; mend the request", "InvalidRequest"),
    "reserved": ("a template argument has a name that is not free; rename it", "InvalidRequest"),
    "json": ("messages, tools and template arguments must be JSON; mend the request", "InvalidRequest"),
    "continue": (
        "the last message cannot be continued: it is no text, or the model's chat template leaves it out",
        "InvalidRequest",
    ),
    "failed": (
        "the model's chat template cannot render these messages; check their fields",
        "InvalidRequest",
    ),
}


def _explain(failed: Failed, template: str) -> TemplateError:
    sentence, error = _SENTENCES.get(failed.kind, _SENTENCES["failed"])
    if failed.kind == "raised" and _is_constant_of(template, failed.detail):
        return TemplateError(f"the model's chat template refuses these messages: {failed.detail}")
    if failed.kind == "reserved" and failed.detail in RESERVED_NAMES:
        return TemplateError(
            f'the template argument "{failed.detail}" has a name that is not free; rename it'
        )
    return TemplateError(sentence.format(line=failed.line), error)


def _is_constant_of(template: str, words: str) -> bool:
    """Whether the template itself says these words, so that they are not the prompt's."""
    return words.isprintable() and re.search(rf"""(["']){re.escape(words)}\1""", template) is not None


def _epitaph(status: int | None) -> tuple[str, str]:
    if status is None:
        return (
            f"the model's chat template was not done after {WALL_SECONDS:.0f} s; send less, or try again",
            "InvalidRequest",
        )
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return (
            f"the model's chat template took over {CPU_SECONDS} s of processor time; send less",
            "InvalidRequest",
        )
    if code == EXIT_NO_MEMORY:
        return (
            f"the model's chat template took over {MEMORY_BYTES >> 20} MiB of memory; send less",
            "InvalidRequest",
        )
    if code in _KILLED:
        return (
            "the process that renders the model's chat template was killed twice; try again",
            "WorkerCrashed",
        )
    return _BROKEN, "ModelUnusable"
