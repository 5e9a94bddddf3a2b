"""What a worker that reads hostile bytes is still answered."""

from __future__ import annotations

import pytest
from hobd.sandbox import seccomp
from hobd.sandbox.seccomp import ALLOW, FILES, NEIGHBOURS, REPORT, WORKER_DENIES
from hobd.sandbox.syscalls import ARCHITECTURES, number, number_if_any

from tests.fakes.bpf_machine import run

REFUSED = REPORT
READ, WRITE, EXECUTE = 1, 2, 4

machines = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


def answer(machine: str, call: str, *arguments: int, closes_files: bool = True) -> int:
    program = seccomp.enclosed_filter(closes_files=closes_files, machine=machine)
    return run(program, arch=ARCHITECTURES[machine], number=number(call, machine), arguments=arguments)


@machines
@pytest.mark.parametrize("call", FILES + NEIGHBOURS)
def test_files_and_neighbours_are_out_of_reach(machine: str, call: str) -> None:
    if number_if_any(call, machine) is None:
        pytest.skip("this machine has a newer call for the same, which is in the list too")
    assert answer(machine, call) == REFUSED


@machines
@pytest.mark.parametrize("call", ["mmap", "mprotect", "pkey_mprotect"])
@pytest.mark.parametrize(
    ("rights", "expected"),
    [(READ | WRITE, ALLOW), (0, ALLOW), (READ | EXECUTE, REFUSED), (READ | WRITE | EXECUTE, REFUSED)],
)
def test_memory_does_not_become_code(machine: str, call: str, rights: int, expected: int) -> None:
    assert answer(machine, call, 0, 4096, rights) == expected


@machines
@pytest.mark.parametrize("call", ["clone", "ioctl", "tgkill", "memfd_create"])
def test_what_computing_and_answering_need_is_left(machine: str, call: str) -> None:
    assert answer(machine, call) == ALLOW


@machines
@pytest.mark.parametrize("call", WORKER_DENIES)
def test_what_was_refused_before_is_refused_anew_so_that_it_is_heard(machine: str, call: str) -> None:
    assert answer(machine, call) == REFUSED


@machines
@pytest.mark.parametrize(("call", "expected"), [("openat", ALLOW), ("mmap", ALLOW), ("kill", REFUSED)])
def test_driver_opens_files_and_makes_code_and_nothing_else(machine: str, call: str, expected: int) -> None:
    assert answer(machine, call, 0, 4096, EXECUTE, closes_files=False) == expected


def test_every_call_that_one_machine_lacks_has_another_in_the_list() -> None:
    lacking = {call for call in FILES if number_if_any(call, "aarch64") is None}
    assert {"open", "creat", "unlink", "rename", "chmod"} <= lacking
    assert {"openat", "unlinkat", "renameat2", "fchmodat", "mknodat", "linkat"} <= set(FILES) - lacking
