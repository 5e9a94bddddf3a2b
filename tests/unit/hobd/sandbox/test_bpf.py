"""The assembler: offsets, and labels it must refuse.

Must need no kernel: programs run on the fake machine.
Run by pytest.
"""

from __future__ import annotations

import pytest
from hobd.sandbox.bpf import Program

from tests.fakes.bpf_machine import run


def test_jump_lands_on_its_label() -> None:
    program = Program()
    program.load_number()
    program.jump_if_equal(7, "seven")
    program.answer(1)
    program.label("seven")
    program.answer(2)
    code = program.assemble()
    assert [run(code, arch=0, number=number) for number in (6, 7)] == [1, 2]


def test_only_the_low_half_of_an_argument_is_loaded() -> None:
    program = Program()
    program.load_argument(2)
    program.jump_if_equal(5, "five")
    program.answer(1)
    program.label("five")
    program.answer(2)
    assert run(program.assemble(), arch=0, number=0, arguments=(0, 0, 5 | 9 << 32)) == 2


def test_label_that_is_missing_is_refused() -> None:
    program = Program()
    program.jump_if_equal(1, "nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        program.assemble()


def test_jump_back_is_refused() -> None:
    program = Program()
    program.label("start")
    program.load_number()
    program.jump_if_equal(1, "start")
    with pytest.raises(ValueError, match="start"):
        program.assemble()


def test_jump_farther_than_an_offset_can_hold_is_refused() -> None:
    program = Program()
    program.jump_if_equal(1, "far")
    for _ in range(256):
        program.load_number()
    program.label("far")
    program.answer(0)
    with pytest.raises(ValueError, match="far"):
        program.assemble()


def test_label_given_twice_is_refused() -> None:
    program = Program()
    program.label("here")
    with pytest.raises(ValueError, match="twice"):
        program.label("here")
