"""An assembler for the classic BPF programs that seccomp runs on every system call.

Must know nothing of policy: only instructions, labels, and the offsets between them.
Used by seccomp.py.
"""

from __future__ import annotations

import struct

# struct seccomp_data { int nr; u32 arch; u64 instruction_pointer; u64 args[6]; }: what a program can load.
_NUMBER_AT = 0
_ARCH_AT = 4
_ARGUMENTS_AT = 16

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_INSTRUCTION = struct.Struct("<HBBI")  # code, jump if true, jump if false, constant
_FARTHEST_JUMP = 255


class Program:
    """Instructions in order. Jumps name a label further down: BPF cannot jump back, so it always ends."""

    __slots__ = ("_instructions", "_labels")

    def __init__(self) -> None:
        self._instructions: list[tuple[int, int, str]] = []  # code, constant, label to jump to if true
        self._labels: dict[str, int] = {}

    def load_arch(self) -> None:
        self._add(_LOAD, _ARCH_AT)

    def load_number(self) -> None:
        self._add(_LOAD, _NUMBER_AT)

    def load_argument(self, index: int) -> None:
        """Its low 32 bits (little-endian machines only), which is all the kernel reads of an int argument."""
        self._add(_LOAD, _ARGUMENTS_AT + 8 * index)

    def keep_bits(self, mask: int) -> None:
        self._add(_AND, mask)

    def jump_if_equal(self, value: int, label: str) -> None:
        self._add(_JUMP_EQUAL, value, label)

    def jump_if_at_least(self, value: int, label: str) -> None:
        self._add(_JUMP_AT_LEAST, value, label)

    def jump_if_any_bit(self, mask: int, label: str) -> None:
        self._add(_JUMP_ANY_BIT, mask, label)

    def answer(self, action: int) -> None:
        self._add(_RETURN, action)

    def label(self, name: str) -> None:
        """Names the next instruction."""
        if name in self._labels:
            raise ValueError(f"label {name!r} is there twice")
        self._labels[name] = len(self._instructions)

    def assemble(self) -> bytes:
        """The program as the kernel takes it; ValueError if a label is missing, behind, or too far away."""
        return b"".join(
            _INSTRUCTION.pack(code, self._offset(at, label), 0, constant)
            for at, (code, constant, label) in enumerate(self._instructions)
        )

    def _add(self, code: int, constant: int, label: str = "") -> None:
        self._instructions.append((code, constant, label))

    def _offset(self, at: int, label: str) -> int:
        if not label:
            return 0
        offset = self._labels.get(label, -1) - (at + 1)
        if not 0 <= offset <= _FARTHEST_JUMP:
            raise ValueError(f"instruction {at} cannot jump to {label!r}")
        return offset
