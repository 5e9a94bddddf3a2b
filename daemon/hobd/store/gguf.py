"""Reads a model file's header: what the file says of itself, and which tensors lie where.

Must treat every byte as hostile: everything is bounded and checked, nothing is native code, no mapping
that a file cut short under it could turn into a signal, and no value is believed that allocates. Called
on threads, by broker/appraisal.py, with the descriptor that a worker will get.

    GGUF, version, counts │ facts: key, type, value │ tensors: name, shape, type, offset │ padding │ data
                          └ long arrays are stepped over, not kept
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from struct import Struct

from hob import portable

from hobd.errors import ModelUnusable
from hobd.store.header import Array, Fact, Header, Tensor

MAX_HEADER_BYTES = 128 << 20
MAX_FACTS = 4096
MAX_TENSORS = 1 << 16
MAX_KEY_BYTES = 1024
MAX_NAME_BYTES = 255
MAX_TEXT_BYTES = 4 << 20
#: Of all arrays together: each is a step in Python. A vocabulary of 260 thousand, its merges, and more.
MAX_TEXTS = 2 << 20
#: Longer arrays are about the vocabulary, never about layers; only their length is kept.
MAX_KEPT = 4096
#: What facts may take of our memory: characters of texts, and numbers of arrays.
MAX_ALL_TEXT_BYTES = 8 << 20
MAX_ALL_KEPT = 1 << 16
_MAX_DIMENSIONS = 4
_MAX_ALIGNMENT = 1 << 16
_CHUNK_BYTES = 1 << 20
_MAGIC = b"GGUF"
_TEXT, _ARRAY = 8, 9
_U32, _U64 = Struct("<I"), Struct("<Q")
#: What arrays are of, by the number of the type.
_ELEMENTS = dict(
    enumerate("uint8 int8 uint16 int16 uint32 int32 float32 bool text array uint64 int64 float64".split())
)
#: Fixed-size values by the number of their type.
_SCALARS = {
    number: Struct(f"<{code}")
    for number, code in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?"}.items()
} | {10: _U64, 11: Struct("<q"), 12: Struct("<d")}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a tensor's numbers are written: so many bytes for each block of so many numbers."""

    name: str
    block: int
    num_bytes: int


def _kinds() -> dict[int, Kind]:
    table = """
        0 F32 1 4, 1 F16 1 2, 2 Q4_0 32 18, 3 Q4_1 32 20, 6 Q5_0 32 22, 7 Q5_1 32 24, 8 Q8_0 32 34,
        10 Q2_K 256 84, 11 Q3_K 256 110, 12 Q4_K 256 144, 13 Q5_K 256 176, 14 Q6_K 256 210,
        16 IQ2_XXS 256 66, 17 IQ2_XS 256 74, 18 IQ3_XXS 256 98, 19 IQ1_S 256 50, 20 IQ4_NL 32 18,
        21 IQ3_S 256 110, 22 IQ2_S 256 82, 23 IQ4_XS 256 136, 24 I8 1 1, 25 I16 1 2, 26 I32 1 4, 27 I64 1 8,
        28 F64 1 8, 29 IQ1_M 256 56, 30 BF16 1 2, 34 TQ1_0 256 54, 35 TQ2_0 256 66, 39 MXFP4 32 17,
        40 NVFP4 64 36, 41 Q1_0 128 18, 42 Q2_0 64 18
    """
    rows = (row.split() for row in table.split(","))
    return {int(number): Kind(name, int(block), int(size)) for number, name, block, size in rows}


KINDS: Mapping[int, Kind] = _kinds()


def read_header(fd: int, model: str) -> Header:
    """The header of the file behind a descriptor, whose place in the file is left alone.

    Raises ModelUnusable.
    """
    try:
        return _read(_Bytes(fd))
    except _Fault as fault:
        raise ModelUnusable(f"{model} cannot be used: {fault}; fetch it again", model=model) from None
    except OSError as error:
        raise ModelUnusable(
            f"{model} cannot be used: reading its header failed ({error.strerror}); mend its disk",
            model=model,
        ) from None


class _Fault(Exception):
    """What is wrong with the file, in words that end a sentence."""


class _Bytes:
    """A place in the file, and the checked ways to get on from it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.file_bytes = os.fstat(fd).st_size
        self._limit = min(self.file_bytes, MAX_HEADER_BYTES)
        self._buffer = b""
        self._base = 0  # where in the file the buffer begins
        self._at = 0  # in the buffer
        self._num_texts = self._num_kept = self._num_text_bytes = 0

    @property
    def place(self) -> int:
        return self._base + self._at

    def number(self, form: Struct) -> int | float | bool:
        self._require(form.size)
        value: int | float | bool = form.unpack_from(self._buffer, self._at)[0]
        self._at += form.size
        return value

    def count(self, what: str, most: int, form: Struct = _U64) -> int:
        value = int(self.number(form))
        if value > most:
            raise _Fault(f"its header says {value} {what}, and hob reads at most {most}")
        return value

    def text(self, what: str, most: int, *, errors: str = "strict") -> str:
        length = self.count(f"bytes of {what}", most)
        self._num_text_bytes += length
        if self._num_text_bytes > MAX_ALL_TEXT_BYTES:
            raise _Fault(f"the texts in its header have more than {MAX_ALL_TEXT_BYTES} bytes")
        self._require(length)
        raw = self._buffer[self._at : self._at + length]
        self._at += length
        try:
            return raw.decode("utf-8", errors)
        except UnicodeDecodeError:
            raise _Fault(f"{what} in its header is not UTF-8") from None

    def values(self, number: int, length: int) -> Array:
        form, element = _SCALARS[number], _ELEMENTS[number]
        self._num_kept += length if length <= MAX_KEPT else 0
        if length > MAX_KEPT or self._num_kept > MAX_ALL_KEPT:
            self._skip(form.size * length)
            return Array(length=length, element=element)
        values = tuple(self.number(form) for _ in range(length))
        return Array(length=length, values=values, element=element)

    def skip_texts(self, length: int) -> Array:
        """The hot loop: a vocabulary has hundreds of thousands, and nobody here reads one."""
        self._num_texts += length
        if self._num_texts > MAX_TEXTS:
            raise _Fault(f"its header lists more than {MAX_TEXTS} texts")
        read, left = _U64.unpack_from, length
        while left:
            self._require(8)
            buffer, at = self._buffer, self._at
            last = len(buffer) - 8
            while left and at <= last:
                at += 8 + read(buffer, at)[0]
                left -= 1
            self._seek(at)
        return Array(length=length, element=_ELEMENTS[_TEXT])

    def _seek(self, at: int) -> None:
        """Goes to a place counted as `_at` is, beyond the buffer too."""
        if self._base + at > self._limit:
            raise self._ends()
        self._at = at

    def _skip(self, count: int) -> None:
        self._seek(self._at + count)

    def _require(self, count: int) -> None:
        """Makes the next `count` bytes lie in the buffer."""
        if self._at + count <= len(self._buffer):
            return
        place = self.place
        if place + count > self._limit:
            raise self._ends()
        wanted = min(max(count, _CHUNK_BYTES), self._limit - place)
        self._buffer, self._base, self._at = portable.pread(self._fd, wanted, place), place, 0
        if len(self._buffer) < count:  # it became shorter since
            raise self._ends()

    def _ends(self) -> _Fault:
        if self._limit < self.file_bytes:
            return _Fault(f"its header is longer than {MAX_HEADER_BYTES} bytes")
        return _Fault(f"it ends after {self.file_bytes} bytes, in the middle of its header")


def _read(source: _Bytes) -> Header:
    num_tensors, num_facts = _read_counts(source)
    facts: dict[str, Fact] = {}
    for _ in range(num_facts):
        key = source.text("a key", MAX_KEY_BYTES)
        if key in facts:
            raise _Fault(f"its header says {_shown(key)} twice")
        facts[key] = _read_fact(source, key)
    tensors = tuple(_read_tensors(source, num_tensors))
    header = Header(facts=facts, tensors=tensors, file_bytes=source.file_bytes)
    alignment = _alignment(header)
    header = replace(header, data_begin=-(-source.place // alignment) * alignment)
    _check_places(header, alignment)
    return header


def _read_counts(source: _Bytes) -> tuple[int, int]:
    if source.number(_U32) != _U32.unpack(_MAGIC)[0]:
        raise _Fault("it is not a GGUF file (its first four bytes are not `GGUF`)")
    version = int(source.number(_U32))
    if version not in (2, 3):
        raise _Fault(f"it is GGUF of version {version}, and hob reads versions 2 and 3, little-endian")
    return source.count("tensors", MAX_TENSORS), source.count("facts", MAX_FACTS)


def _read_fact(source: _Bytes, key: str) -> Fact:
    number = int(source.number(_U32))
    if number in _SCALARS:
        return source.number(_SCALARS[number])
    if number == _TEXT:
        return source.text("a fact", MAX_TEXT_BYTES, errors="replace")
    if number != _ARRAY:
        raise _Fault(f"its header gives {_shown(key)} a type that does not exist ({number})")
    element = int(source.number(_U32))
    length = source.count("elements in an array", MAX_HEADER_BYTES)
    if element in _SCALARS:
        return source.values(element, length)
    if element == _TEXT:
        return source.skip_texts(length)
    raise _Fault(f"its header makes {_shown(key)} an array of type {element}, which cannot be")


def _read_tensors(source: _Bytes, count: int) -> Iterator[Tensor]:
    names: set[str] = set()
    for _ in range(count):
        name = source.text("a tensor's name", MAX_NAME_BYTES)
        if name in names:
            raise _Fault(f"its header lists the tensor {_shown(name)} twice")
        names.add(name)
        num_dimensions = source.count("dimensions of a tensor", _MAX_DIMENSIONS, _U32)
        shape = tuple(int(source.number(_U64)) for _ in range(num_dimensions))
        kind = KINDS.get(int(source.number(_U32)))
        offset = int(source.number(_U64))
        yield Tensor(
            name=name,
            shape=shape,
            kind=kind.name if kind else "",
            offset=offset,
            num_bytes=_num_bytes(name, shape, kind),
        )


def _num_bytes(name: str, shape: tuple[int, ...], kind: Kind | None) -> int:
    if kind is None:
        raise _Fault(f"the tensor {_shown(name)} is of a type that hob does not know")
    numbers = math.prod(shape)
    if not shape or numbers < 1 or numbers >= 1 << 60:
        raise _Fault(f"the tensor {_shown(name)} has an impossible shape")
    if shape[0] % kind.block:
        raise _Fault(f"the rows of the tensor {_shown(name)} are no multiple of {kind.block}")
    return numbers // kind.block * kind.num_bytes


def _alignment(header: Header) -> int:
    alignment = header.facts.get("general.alignment", 32)
    if (
        isinstance(alignment, bool)
        or not isinstance(alignment, int)
        or not 8 <= alignment <= _MAX_ALIGNMENT
        or alignment.bit_count() != 1
    ):
        raise _Fault("general.alignment in its header is no power of two from 8 to 65536")
    return alignment


def _check_places(header: Header, alignment: int) -> None:
    """Every tensor aligned, inside the file, and on bytes of its own."""
    data = header.data_begin or 0
    ordered = sorted(header.tensors, key=lambda tensor: tensor.offset)
    for tensor in ordered:
        if tensor.offset % alignment:
            raise _Fault(f"the tensor {_shown(tensor.name)} does not lie where its alignment wants it")
        if data + tensor.offset + tensor.num_bytes > header.file_bytes:
            raise _Fault(f"the tensor {_shown(tensor.name)} reaches beyond the end of the file")
    for before, after in pairwise(ordered):
        if before.offset + before.num_bytes > after.offset:
            raise _Fault(f"the tensors {_shown(before.name)} and {_shown(after.name)} overlap")


def _shown(text: str) -> str:
    """What a file says, fit for a line of a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:80])
