"""Each denial, from inside a enclosed process, and that the broker hears of it, whatever the process does.

Must never confine the test process itself, which is the broker here. Run by pytest.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest
from hobd.broker.spawning import make_bell
from hobd.broker.tripwire import Tripwire
from hobd.sandbox.syscalls import number

from tests.process.test_sandbox import DAEMON, PRELUDE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's so far")

ENCLOSING = """
from hobd.sandbox.enter import *
import mmap, signal
from hobd.worker.bell import Bell
bell = Bell(socket.socket(fileno=int(sys.argv[1])), enter_worker())
bell.ring(b"worker")
"""


class Heard:
    """What a child printed, how it ended, and what was heard of it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.breaches: list[str] = []
        self.said = ""
        self.status = 0


async def hear_out(code: str, walls: str, projector: int | None) -> Heard:
    heard, (bell, theirs) = Heard(), make_bell()
    tripwire = Tripwire(
        bell,
        on_trip=heard.calls.append,
        on_breach=heard.breaches.append,
        projector=lambda: projector,
    )
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", PRELUDE + walls + code, str(theirs.fileno())),
            pass_fds=(theirs.fileno(),),
            stdout=asyncio.subprocess.PIPE,
        )
    try:
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
    finally:
        tripwire.close()
    heard.said, heard.status = said.decode().strip(), process.returncode or 0
    return heard


def enclosed(code: str, walls: str = ENCLOSING, projector: int | None = None) -> Heard:
    return asyncio.run(hear_out(code, walls, projector))


def raw(call: str, *arguments: object) -> str:
    return f"raw({', '.join(map(str, (number(call, os.uname().machine), *arguments)))})"


ATTEMPTS = {
    "a network socket": ("outcome(socket.socket)", "EAFNOSUPPORT", "socket"),
    "a local socket": ("outcome(lambda: socket.socket(socket.AF_UNIX))", "EAFNOSUPPORT", "socket"),
    "a raw connect": (raw("connect", 0, 0, 0), "EPERM", "connect"),
    "io_uring": (raw("io_uring_setup", 8, 0), "EPERM", "io_uring_setup"),
    "a program": ("outcome(lambda: os.execv('/bin/true', ['true']))", "EPERM", "execve"),
    "a file": ("outcome(lambda: os.open('/etc/passwd', os.O_RDONLY))", "EPERM", "openat"),
    "a raw open": (raw("openat2", -100, 0, 0, 0), "EPERM", "openat2"),
    "a change of mode": ("outcome(lambda: os.chmod('/dev/null', 0))", "EPERM", "chmod"),
    "tracing the daemon": (raw("ptrace", 16, "os.getppid()"), "EPERM", "ptrace"),
    "reading the daemon": (raw("process_vm_readv", "os.getppid()", 0, 0, 0, 0), "EPERM", "process_vm_readv"),
    "killing the daemon": ("outcome(lambda: os.kill(os.getppid(), 9))", "EPERM", "kill"),
    "new code": ("outcome(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC))", "EPERM", "mmap"),
    "typing for the user": (raw("ioctl", 0, 0x5412, 0), "EPERM", "ioctl"),
}


@pytest.mark.parametrize(("attempt", "outcome", "call"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_attempt_is_refused_and_heard(attempt: str, outcome: str, call: str) -> None:
    heard = enclosed(f"print({attempt})")
    assert heard.said == outcome and heard.calls == [call]


def test_attempt_is_heard_inside_the_daemons_walls_too() -> None:
    walls = DAEMON + "forbid_connect(confinement)\n" + ENCLOSING
    heard = enclosed(f"print(outcome(socket.socket), {raw('connect', 0, 0, 0)})", walls)
    assert heard.said == "EAFNOSUPPORT EPERM" and heard.calls == ["socket", "connect"]


def test_looking_up_a_name_is_heard() -> None:
    heard = enclosed("print(outcome(lambda: socket.getaddrinfo(b'example.org', 443)))")
    assert heard.said == "gaierror" and "openat" in heard.calls


def test_children_are_heard_as_their_worker_is() -> None:
    heard = enclosed("pid = os.fork()\nif not pid: outcome(socket.socket); os._exit(0)\nos.waitpid(pid, 0)")
    assert heard.calls == ["socket"]


def test_threads_are_heard() -> None:
    heard = enclosed("t = threading.Thread(target=lambda: outcome(socket.socket)); t.start(); t.join()")
    assert heard.calls == ["socket"]


def test_enclosed_process_has_no_hold_on_what_is_heard() -> None:
    code = (
        "links = {outcome(lambda: os.fstat(fd)): fd for fd in range(3, 64)}\n"
        "print(sorted(links), outcome(lambda: os.write(int(sys.argv[1]), b'worker')))"
    )
    assert enclosed(code).said == "['EBADF'] EBADF"


def test_process_that_computes_trips_over_nothing() -> None:
    heard = enclosed(
        "t = threading.Thread(target=sum, args=([1],)); t.start(); t.join(); print(len(bytes(1 << 26)))"
    )
    assert heard.said == str(1 << 26) and heard.calls == []


def test_flood_is_answered_in_lots_and_harms_nobody() -> None:
    heard = enclosed("print({outcome(socket.socket) for _ in range(70)})")
    assert heard.said == "{'EAFNOSUPPORT'}" and heard.calls == ["socket"] * 70


def test_without_a_listener_everything_is_refused_still() -> None:
    walls = ENCLOSING.replace(
        'bell.ring(b"worker")', "import hobd.worker.bell as b; b.socket.send_fds = lambda *_: 0\n"
    )
    heard = enclosed("bell.ring(b'worker'); print(outcome(socket.socket))", walls)
    assert heard.said == "ENOSYS" and heard.calls == []


def test_something_else_than_a_listener_is_a_breach() -> None:
    walls = "bell = socket.socket(fileno=int(sys.argv[1])); socket.send_fds(bell, [b'worker'], [0])\n"
    assert enclosed("", walls).breaches == ["it rang its bell with something else than a listener"]


def test_zygote_may_end_its_child_and_nobody_else() -> None:
    walls = ENCLOSING.replace('b"worker"', 'b"zygote"')
    code = (
        "pid = os.fork()\n"
        "if not pid: signal.pause()\n"
        "os.kill(pid, 9)\n"
        "print(os.waitpid(pid, 0)[1], outcome(lambda: os.kill(-1, 9)), outcome(lambda: os.kill(pid, 15)))"
    )
    heard = enclosed(code, walls)
    assert heard.said == "9 EPERM EPERM"
    assert heard.calls == ["kill", "kill"]


def test_child_of_a_zygote_may_end_nobody() -> None:
    walls = ENCLOSING.replace('b"worker"', 'b"zygote"')
    code = "pid = os.fork()\nif not pid: outcome(lambda: os.kill(os.getppid(), 9)); os._exit(7)\n"
    heard = enclosed(code + "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))", walls)
    assert heard.said == "7" and heard.calls == ["kill"]


def test_whatever_is_opened_while_a_projector_loads_is_the_projector(tmp_path: Path) -> None:
    (tmp_path / "projector").write_bytes(b"eyes")
    code = "print([os.read(os.open('/etc/passwd', os.O_RDWR), 9) for _ in range(2)])"
    with (tmp_path / "projector").open("rb") as file:
        heard = enclosed(code, projector=file.fileno())
    assert heard.said == "[b'eyes', b'eyes']" and heard.calls == []


def test_projector_is_given_a_few_times_only(tmp_path: Path) -> None:
    (tmp_path / "projector").write_bytes(b"eyes")
    code = "print([outcome(lambda: os.close(os.open('/x', 0))) for _ in range(17)].count('done'))"
    with (tmp_path / "projector").open("rb") as file:
        heard = enclosed(code, projector=file.fileno())
    assert heard.said == "16" and heard.calls == ["openat"]


def test_foreign_calling_convention_kills() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is x86_64's")
    assert enclosed(f"raw({41 | 1 << 30}, 1, 1, 0)").status == -31


def test_bell_says_who_rang() -> None:
    ours, theirs = make_bell()
    with ours, theirs:
        theirs.send(b"zygote")
        (_, kind, data), *_ = ours.recvmsg(9, socket.CMSG_SPACE(12))[1]
    assert kind == socket.SCM_CREDENTIALS and int.from_bytes(data[:4], sys.byteorder) == os.getpid()
