"""The walls, from inside real processes that raised them.

Must never confine the test process itself: everything happens in children.
Run by pytest.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hobd.sandbox.syscalls import number

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's so far")

DAEMON = "from hobd.sandbox.enter import *\nconfinement = enter_daemon()\n"
WORKER = "from hobd.sandbox.enter import *\nconfinement = enter_worker()\n"
# What the children import before their walls stand, and the verb they report with.
PRELUDE = """
import ctypes, errno, os, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def outcome(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return "done"
def raw(*arguments):
    result = libc.syscall(*map(ctypes.c_long, arguments))
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""
REFUSED = "ENOSYS"  # nobody hears of it in these processes


def child(walls: str, code: str, **options: object) -> str:
    """The last line that a child printed after `code`; fails if the child did."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PRELUDE + walls + code],
        check=False, capture_output=True, text=True, timeout=60, **options,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip().rpartition("\n")[2]


def outcome(walls: str, expression: str) -> str:
    return child(walls, f"print(outcome(lambda: {expression}))")


@pytest.mark.parametrize("walls", [DAEMON, WORKER], ids=["daemon", "worker"])
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"])
def test_no_network_socket_can_be_made(walls: str, family: str) -> None:
    assert outcome(walls, f"socket.socket(socket.{family}, socket.SOCK_DGRAM)") == REFUSED


@pytest.mark.parametrize("walls", [DAEMON, WORKER], ids=["daemon", "worker"])
def test_names_cannot_be_looked_up(walls: str) -> None:
    assert outcome(walls, "socket.getaddrinfo('example.org', 443)") == "gaierror"


@pytest.mark.parametrize("walls", [DAEMON, WORKER], ids=["daemon", "worker"])
def test_raw_system_calls_meet_the_same_wall(walls: str) -> None:
    calls = [number("socket", os.uname().machine), number("io_uring_setup", os.uname().machine)]
    assert child(walls, f"print(raw({calls[0]}, 2, 1, 0), raw({calls[1]}, 8, 0))") == f"{REFUSED} {REFUSED}"


@pytest.mark.parametrize("walls", [DAEMON, WORKER], ids=["daemon", "worker"])
def test_threads_older_than_the_wall_are_held(walls: str) -> None:
    before = (
        "go, told = threading.Event(), []\n"
        "older = threading.Thread(target=lambda: (go.wait(), told.append(outcome(socket.socket))))\n"
        "older.start()\n"
    )
    assert child(before + walls, "go.set(); older.join(); print(told[0])") == REFUSED


def test_programs_that_the_daemon_starts_inherit_the_wall() -> None:
    inner = "import socket\ntry: socket.socket()\nexcept OSError as error: print(error.errno)"
    code = f"subprocess.run([sys.executable, '-I', '-c', {inner!r}], check=True)"
    assert child(DAEMON, code) == str(errno.ENOSYS)


def test_daemon_serves_and_probes_unix_sockets_until_connect_is_forbidden(tmp_path: object) -> None:
    code = (
        f"path = {str(tmp_path)!r} + '/s'\n"
        "door = socket.socket(socket.AF_UNIX); door.bind(path); door.listen()\n"
        "def dial(): socket.socket(socket.AF_UNIX).connect(path)\n"
        "first = outcome(dial); forbid_connect(confinement)\n"
        "print(first, outcome(dial), outcome(door.accept))"
    )
    assert child(DAEMON, code) == f"done {REFUSED} done"


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        ("os.execv('/bin/true', ['true'])", REFUSED),
        ("subprocess.run(['/bin/true'])", REFUSED),
        ("socket.socket(socket.AF_UNIX)", REFUSED),
        ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", REFUSED),
        ("socket.socketpair()", "done"),
        ("threading.Thread(target=int).start()", "done"),
        ("os.waitpid(os.fork() or os._exit(0), 0)", "done"),
    ],
)
def test_worker_has_only_what_it_was_born_with(attempt: str, expected: str) -> None:
    assert outcome(WORKER, attempt) == expected


def test_worker_can_be_given_files_and_shared_memory_over_its_socket() -> None:
    before = (
        "here, there = socket.socketpair(); memory = os.memfd_create('x'); os.write(memory, b'given')\n"
        "socket.send_fds(there, [b'.'], [memory]); os.close(memory)\n"
    )
    code = (
        "import mmap; fds = socket.recv_fds(here, 1, 9)[1]\n"
        "print(outcome(lambda: mmap.mmap(fds[0], 5)), os.pread(fds[0], 5, 0).decode())"
    )
    assert child(before + WORKER, code) == "done given"


@pytest.mark.parametrize("call", ["connect", "unshare", "ptrace", "bpf", "userfaultfd", "pidfd_getfd"])
def test_worker_is_refused(call: str) -> None:
    assert child(WORKER, f"print(raw({number(call, os.uname().machine)}, 0, 0, 0))") == REFUSED


def test_worker_cannot_connect_an_inherited_socket() -> None:
    assert (
        child(
            "spare = socket.socket(socket.AF_UNIX)\n" + WORKER, "print(outcome(lambda: spare.connect('x')))"
        )
        == REFUSED
    )


def test_worker_can_be_walled_in_inside_the_daemons_walls() -> None:
    assert child(DAEMON + "forbid_connect(confinement)\n" + WORKER, "print(confinement)").startswith(
        "no-network"
    )


def test_inherited_network_socket_is_refused() -> None:
    with socket.socket(socket.AF_INET) as inherited:
        said = child(
            "", "from hobd.sandbox import proof\n"
            "try: proof.refuse_network_descriptors()\nexcept Exception as error: print(error)",
            pass_fds=[inherited.fileno()],
        )  # fmt: skip
        assert f"descriptor {inherited.fileno()}" in said


@pytest.mark.parametrize("walls", [DAEMON, WORKER], ids=["daemon", "worker"])
def test_confined_process_is_not_dumpable_and_leaves_no_core(walls: str) -> None:
    code = "import resource; print(libc.prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))"
    assert child(walls, code) == "0 0 0"


def test_worker_of_root_has_no_more_rights_than_another() -> None:
    code = (
        "header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "print(libc.capget(header, held), any(held))"
    )
    assert child(WORKER, code) == "0 False"


def test_self_test_fails_where_the_wall_is_missing() -> None:
    code = (
        "from hobd.sandbox import proof\n"
        "def stands(attempt):\n"
        "    try: proof.require((attempt,))\n"
        "    except proof.SandboxError: return False\n"
        "    return True\n"
        "print([attempt for attempt in proof.WORKER if stands(attempt)])"
    )
    assert child("", code) == "[]"


@pytest.fixture
def parent_of_a_sleeper() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process, and a pidfd of its child that is tied to it."""
    sleeper = (
        "import os, time; from hobd.sandbox.hygiene import die_with_parent; die_with_parent(os.getppid())\n"
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-I', '-c', {sleeper!r}])"
    parent = subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        handle = os.pidfd_open(int(parent.stdout.readline()))
        yield parent, handle
        parent.kill()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


def test_child_dies_with_its_parent(parent_of_a_sleeper: tuple[subprocess.Popen[str], int]) -> None:
    parent, child_handle = parent_of_a_sleeper
    parent.send_signal(signal.SIGKILL)
    assert select.select([child_handle], [], [], 30)[0] == [child_handle]


def test_child_whose_parent_has_gone_ends_at_once() -> None:
    code = (
        "from hobd.sandbox.hygiene import die_with_parent\n"
        "try: die_with_parent(1 << 22)\nexcept Exception as error: print(error)"
    )
    assert "has ended already" in child("", code)
