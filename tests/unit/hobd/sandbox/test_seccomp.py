"""What each filter answers to each call, on both machines.

Must need no kernel: programs run on the fake machine; tests/process shows the same in real processes.
Run by pytest.
"""

from __future__ import annotations

import errno
import socket

import pytest
from hobd.sandbox import seccomp
from hobd.sandbox.seccomp import ALLOW, DAEMON_DENIES, ERRNO, KILL, REPORT, WORKER_DENIES
from hobd.sandbox.syscalls import ARCHITECTURES, number

from tests.fakes.bpf_machine import run

REFUSED, ABSENT = REPORT, ERRNO | errno.ENOSYS
INET, UNIX, NETLINK = 2, 1, 16
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
CLOEXEC = 0o2000000
NEW_USER, THREAD = 0x10000000, 0x10000

machines = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def answer(program: bytes, machine: str, call: str, *arguments: int) -> int:
    return run(program, arch=ARCHITECTURES[machine], number=number(call, machine), arguments=arguments)


@machines
@pytest.mark.parametrize("call", ["socket", "socketpair"])
@pytest.mark.parametrize(
    ("family", "expected"),
    [(UNIX, ALLOW), (INET, REFUSED), (10, REFUSED), (NETLINK, REFUSED), (INET | 1 << 32, REFUSED)],
    ids=["unix", "inet", "inet6", "netlink", "inet with high bits"],
)
def test_daemon_makes_unix_sockets_only(machine: str, call: str, family: int, expected: int) -> None:
    assert answer(seccomp.no_network(machine=machine), machine, call, family, STREAM) == expected


@machines
@pytest.mark.parametrize("call", DAEMON_DENIES)
def test_daemon_is_refused_what_it_never_does(machine: str, call: str) -> None:
    assert answer(seccomp.no_network(DAEMON_DENIES, machine=machine), machine, call) == REFUSED


@machines
@pytest.mark.parametrize("call", ["connect", "bind", "listen", "execve", "clone", "clone3"])
def test_daemon_keeps_what_it_needs(machine: str, call: str) -> None:
    assert answer(seccomp.no_network(DAEMON_DENIES, machine=machine), machine, call) == ALLOW


@machines
@pytest.mark.parametrize("call", ["io_uring_setup", "io_uring_enter", "io_uring_register"])
def test_io_uring_is_refused_to_all(machine: str, call: str) -> None:
    for program in (seccomp.no_network(machine=machine), seccomp.worker_filter(machine=machine)):
        assert answer(program, machine, call) == REFUSED


@machines
@pytest.mark.parametrize("call", WORKER_DENIES)
def test_worker_is_refused_what_it_never_does(machine: str, call: str) -> None:
    assert answer(seccomp.worker_filter(machine=machine), machine, call) == REFUSED


@machines
@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("socket", (UNIX, STREAM), REFUSED),
        ("socket", (INET, STREAM), REFUSED),
        ("socketpair", (UNIX, STREAM | CLOEXEC), ALLOW),
        ("socketpair", (UNIX, DATAGRAM | CLOEXEC), REFUSED),
        ("socketpair", (INET, STREAM), REFUSED),
        ("clone", (THREAD,), ALLOW),
        ("clone", (17,), ALLOW),
        ("clone", (NEW_USER | 17,), REFUSED),
        ("clone3", (), ABSENT),
        ("ioctl", (0, 0x5412), REFUSED),
        ("ioctl", (0, 0x541C), REFUSED),
        ("ioctl", (0, 0x5413), ALLOW),
    ],
    ids=str,
)
def test_worker_is_judged_by_arguments(
    machine: str, call: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert answer(seccomp.worker_filter(machine=machine), machine, call, *arguments) == expected


@machines
def test_no_calls_refuses_only_the_named(machine: str) -> None:
    program = seccomp.no_calls(("connect",), machine=machine)
    assert answer(program, machine, "connect") == REFUSED
    assert answer(program, machine, "bind") == ALLOW


@pytest.mark.parametrize("arch", [0x40000003, 0xC00000B7, 0], ids=["i386", "aarch64", "none"])
def test_foreign_calling_convention_kills(arch: int) -> None:
    for program in (seccomp.no_network(machine="x86_64"), seccomp.worker_filter(machine="x86_64")):
        assert run(program, arch=arch, number=0) == KILL


@pytest.mark.parametrize("call", [0x40000000, 0x40000000 | 41, 0xFFFFFFFF])
def test_x32_call_kills(call: int) -> None:
    assert run(seccomp.no_network(machine="x86_64"), arch=ARCHITECTURES["x86_64"], number=call) == KILL


def test_call_that_no_table_knows_is_no_program() -> None:
    with pytest.raises(KeyError):
        seccomp.no_network(("no_such_call",), machine="x86_64")
