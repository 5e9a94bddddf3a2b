"""The processes for what may kill who does it: a zygote that knows the libraries, and the child it forks.

Must hold no descriptor but its own socket, and must end with the worker. A template, a grammar or an image
can kill the child; the zygote never sees one, so there is always another child. Started by expendable.py:
one zygote for templates and grammars (template.py), and one for media (darkroom.py).

    worker ──control── zygote         one byte: "the child is dead or to be killed, fork another"
       │                 │ forks      back: its pid, how the last one ended, and a new data socket
       └─────data────  child          a question, then its answer or Failed; one socket for one child,
                                      so that half a frame of a dead child cannot confuse the next
"""

from __future__ import annotations

import gc
import math
import os
import resource
import signal
import socket
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Union

import msgspec

from hobd.sandbox.hygiene import die_with_parent
from hobd.wire.attesting import SelfTest
from hobd.wire.messages import Constraint, Value

if TYPE_CHECKING:
    from hobd.worker.bell import Bell

CPU_SECONDS = 2
MEMORY_BYTES = 512 << 20
MAX_OUTPUT_BYTES = 4 << 20
#: What a template is given under these names is not the caller's to replace.
RESERVED_NAMES = frozenset(
    (
        "messages",
        "tools",
        "add_generation_prompt",
        "bos_token",
        "eos_token",
        "raise_exception",
        "strftime_now",
    )
)
# A thread's stack where the system sets no limit.
_STACK_BYTES = 2 << 20
#: How a child ends that ran out of memory.
EXIT_NO_MEMORY = 12
LENGTH = struct.Struct("<I")
#: The child's pid, and how its predecessor ended (as waitpid says; 0: there was none).
BORN = struct.Struct("<ii")


class Ask(Value, frozen=True, tag="ask"):
    """One conversation to render; messages, tools and arguments are JSON."""

    template: str
    messages: bytes
    tools: bytes
    arguments: bytes
    add_generation_prompt: bool
    continue_last: bool
    bos: str
    eos: str


class Trial(Value, frozen=True, tag="trial"):
    """A constraint to compile, to see what becomes of the process that does."""

    constraint: Constraint


class Done(Value, frozen=True, tag="done"):
    text: str


class Failed(Value, frozen=True, tag="failed"):
    """Why there is no text. The worker has a sentence for each kind, and believes no other words."""

    kind: str
    detail: Annotated[str, msgspec.Meta(max_length=300)] = ""
    line: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] = 0


#: Who answers which question.
Responders = dict[type[Value], Callable[[Any], Value]]
_ENCODER = msgspec.msgpack.Encoder()


def frame(value: Value) -> bytes:
    body = _ENCODER.encode(value)
    return LENGTH.pack(len(body)) + body


# ------------------------------------------------------------------ zygote


def run_zygote(
    control: socket.socket,
    worker_pid: int,
    learn: Callable[[], Responders],
    *,
    bell: Bell | None,
    sleeps: bool,
) -> NoReturn:
    """Forks one child after another until the worker goes. Never returns into its caller's stack.

    One that `sleeps` learns nothing before the worker's first word. With what it has learned it encloses
    itself, if there is a bell to ring.
    """
    try:
        _shed_inheritance(control.fileno(), *(() if bell is None else bell.descriptors))
        die_with_parent(worker_pid)
        if sleeps and not control.recv(1):
            os._exit(0)
        responders, memory_bytes = learn(), _address_space_bytes() + MEMORY_BYTES
        if bell is not None:
            bell.ring(b"zygote")
        _breed(control, responders, memory_bytes)
    except BaseException:  # there is no one to tell, and above this frame lies the worker's own stack
        os._exit(1)


def learn_templates() -> Responders:
    """Imported here: the worker never pays for it, and each child is born with it."""
    from hobd.worker import attesting, constraint, jinja

    jinja.warm_up()
    constraint.warm_up()
    return {Ask: jinja.respond, Trial: constraint.rehearse, SelfTest: attesting.respond}


def _breed(control: socket.socket, responders: Responders, memory_bytes: int) -> NoReturn:
    zygote_pid = os.getpid()
    status = 0
    while True:
        here, there = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            control.close()
            there.close()
            _run_child(here, zygote_pid, responders, memory_bytes)
        here.close()
        socket.send_fds(control, [BORN.pack(pid, status)], [there.fileno()])
        there.close()
        if not control.recv(1):
            os._exit(0)  # the worker went, and the child goes with this process
        # Not yet waited for, so the pid cannot be anyone else's. A child that is dead keeps its status.
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)


def _shed_inheritance(*keep_fds: int) -> None:
    """Lets go of all that was the worker's: descriptors, signal handlers, objects that close descriptors."""
    gc.freeze()  # a socket object collected later would close a number that is ours by then
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the daemon's to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # 0 to 2 become a pipe that nobody reads: a traceback, which could hold text of a prompt, goes nowhere.
    reader, writer = os.pipe()
    os.close(reader)
    for stdio in range(3):
        os.dup2(writer, stdio)
    edges = [2, *sorted(keep_fds), os.sysconf("SC_OPEN_MAX")]
    for below, above in pairwise(edges):
        os.closerange(below + 1, above)


# ------------------------------------------------------------------ child


def _run_child(sock: socket.socket, zygote_pid: int, responders: Responders, memory_bytes: int) -> NoReturn:
    try:
        die_with_parent(zygote_pid)
        _limit_for_life(memory_bytes)
        _answer_all(sock, responders)
    except MemoryError:
        os._exit(EXIT_NO_MEMORY)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _answer_all(sock: socket.socket, responders: Responders) -> None:
    stream = sock.makefile("rb")
    asked: msgspec.msgpack.Decoder[Value] = msgspec.msgpack.Decoder(Union[tuple(responders)])  # noqa: UP007
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        _limit_next_answer()
        ask = asked.decode(stream.read(LENGTH.unpack(head)[0]))
        sock.sendall(frame(responders[type(ask)](ask)))


def _limit_for_life(memory_bytes: int) -> None:
    # Half of the stack that the worker's threads have: what compiles here has room to compile there.
    stack, hard = resource.getrlimit(resource.RLIMIT_STACK)
    available = stack if stack != resource.RLIM_INFINITY else _STACK_BYTES
    resource.setrlimit(resource.RLIMIT_STACK, (available // 2, hard))
    # Whatever a template breaks out to: no files, no processes, and not much memory.
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    for name in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(name, (0, 0))


def _limit_next_answer() -> None:
    """The kernel counts whole seconds of a process's life, so the limit moves with what was used before."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(usage.ru_utime + usage.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _address_space_bytes() -> int:
    """Of the zygote, and so of each child when it is born."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 128 << 20  # no /proc within reach; a child was measured at a quarter of this
