"""Runs a seccomp program the way the kernel does, over one system call.

Must be as strict as the kernel's checker: a jump out of the program or an unknown instruction is an error.
Used by the tests of hobd.sandbox.
"""

from __future__ import annotations

import struct

_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06


def run(program: bytes, *, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the program answers to the call; IndexError if it runs off its end."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    call = struct.pack("<IIQ6Q", number, arch, 0, *(value & (1 << 64) - 1 for value in padded))
    instructions = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, constant = instructions[at]
        at += 1
        if code == _RETURN:
            return int(constant)
        if code == _LOAD:
            (accumulator,) = struct.unpack_from("<I", call, constant)
        elif code == _AND:
            accumulator &= constant
        else:
            at += if_true if _holds(code, accumulator, constant) else if_false


def _holds(code: int, accumulator: int, constant: int) -> bool:
    if code == _JUMP_EQUAL:
        return accumulator == constant
    if code == _JUMP_AT_LEAST:
        return accumulator >= constant
    if code == _JUMP_ANY_BIT:
        return bool(accumulator & constant)
    raise ValueError(f"unknown instruction {code:#x}")
