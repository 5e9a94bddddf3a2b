"""The gateway's filter, run as the kernel runs it."""

from __future__ import annotations

import errno

import pytest
from hob_gateway import kernel

from tests.fakes.bpf_machine import run

MACHINES = pytest.mark.parametrize("machine", kernel.ARCHITECTURES)


def answer(machine: str, call: str, *arguments: int) -> int:
    number = kernel.CALLS[call][0 if machine == "x86_64" else 1]
    program = kernel.filter_program(machine)
    return run(program, arch=kernel.ARCHITECTURES[machine], number=number, arguments=arguments)


@MACHINES
def test_every_connect_is_asked_of_the_porter(machine: str) -> None:
    assert answer(machine, "connect", 5) == kernel.NOTIFY


@MACHINES
@pytest.mark.parametrize(
    ("family", "kind"), [(2, 1), (10, 1), (16, 3), (17, 3), (1, 2), (1, 5), (1, 2 | 0x80000)]
)
def test_only_local_streams_are_made(machine: str, family: int, kind: int) -> None:
    refused = kernel.ERRNO | errno.EAFNOSUPPORT
    assert {answer(machine, call, family, kind) for call in ("socket", "socketpair")} == {refused}
    assert answer(machine, "socket", 1, 1 | 0x80000) == kernel.ALLOW


@MACHINES
@pytest.mark.parametrize("call", kernel.REFUSED)
def test_what_the_gateway_never_does_is_refused(machine: str, call: str) -> None:
    assert answer(machine, call) == kernel.ERRNO | errno.EPERM


@MACHINES
def test_other_calling_conventions_kill(machine: str) -> None:
    program = kernel.filter_program(machine)
    assert run(program, arch=0x40000003, number=0) == kernel.KILL
    if machine == "x86_64":
        assert run(program, arch=kernel.ARCHITECTURES[machine], number=0x40000000) == kernel.KILL


@MACHINES
def test_reading_and_writing_go_on(machine: str) -> None:
    for number in (0, 1, 63, 64):
        assert run(kernel.filter_program(machine), arch=kernel.ARCHITECTURES[machine], number=number) == (
            kernel.ALLOW
        )


def test_both_tables_agree_with_the_daemons() -> None:
    from hobd.sandbox.syscalls import number

    theirs = [call for call in kernel.CALLS if _is_known(number, call)]
    assert len(theirs) > 20
    for call in theirs:
        assert kernel.CALLS[call] == (number(call, "x86_64"), number(call, "aarch64"))


def _is_known(number: object, call: str) -> bool:
    assert callable(number)
    try:
        number(call, "x86_64")
    except KeyError:
        return False
    return True
