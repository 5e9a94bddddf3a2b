"""Model files as parts, and what can be done to the parts; a seed and a number always give the same file.

Must write files of tens of kilobytes, fast. Called by models.py.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

TEXT, ARRAY = 8, 9
_SIZES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_ODD_NUMBERS = (
    0,
    1,
    2,
    7,
    31,
    255,
    256,
    257,
    511,
    512,
    513,
    65535,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
)
_ODD_WIDE = (*_ODD_NUMBERS, (1 << 32) - 1, 1 << 32, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_ODD_FLOATS = (0.0, -1.0, 1e-30, 1e30, float("inf"), float("-inf"), float("nan"))
_ODD_TEXTS = (
    *(b"", b"\0", b"\xff\xfe", b"x" * 300, b"a" * 70_000, b"../../x", b"none", b"no_vocab", b"gpt2"),
    *(b"llama", b"clip", b"bert", b"mamba", b"qwen2moe", b"deepseek2"),
    *(b"{{ ''.__class__ }}", b"{% for a in range(999999999) %}{% endfor %}"),
)
_ODD_KEYS = tuple(
    f"{section}.{key}".encode()
    for section, keys in {
        "general": "alignment type",
        "split": "count no",
        "llama": "expert_count expert_used_count attention.key_length attention.value_length vocab_size "
        "rope.scaling.type rope.scaling.factor attention.sliding_window pooling_type attention.causal "
        "tensor_data_layout attention.layer_norm_rms_epsilon rope.dimension_sections logit_scale",
        "tokenizer.ggml": "add_space_prefix precompiled_charsmap scores unknown_token_id",
    }.items()
    for key in keys.split()
)


@dataclass(frozen=True, slots=True)
class Fact:
    """`value` as bytes, the way it is written."""

    key: bytes
    kind: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Tensor:
    name: bytes
    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class File:
    """All of a model file; counts may lie."""

    facts: tuple[Fact, ...]
    tensors: tuple[Tensor, ...]
    data: bytes
    version: int = 3
    num_facts: int | None = None
    num_tensors: int | None = None

    def written(self) -> bytes:
        num_tensors = len(self.tensors) if self.num_tensors is None else self.num_tensors
        num_facts = len(self.facts) if self.num_facts is None else self.num_facts
        parts = [b"GGUF", struct.pack("<IQQ", self.version, num_tensors, num_facts)]
        parts += (text(fact.key) + struct.pack("<I", fact.kind) + fact.value for fact in self.facts)
        for tensor in self.tensors:
            shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
            parts.append(text(tensor.name) + shape + struct.pack("<IQ", tensor.kind, tensor.offset))
        head = b"".join(parts)
        return head + bytes(-len(head) % 32) + self.data


def text(raw: bytes) -> bytes:
    return struct.pack("<Q", len(raw)) + raw


def parse(raw: bytes) -> File:
    """Of a file that is whole."""
    version, num_tensors, num_facts = struct.unpack_from("<IQQ", raw, 4)
    at, facts, tensors = 24, [], []

    def taken(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f"<{form}", raw, at)
        at += struct.calcsize(f"<{form}")
        return int(value)

    def taken_text() -> bytes:
        nonlocal at
        length = taken("Q")
        at += length
        return raw[at - length : at]

    for _ in range(num_facts):
        key, kind, begin = taken_text(), taken("I"), at
        at = _end(raw, begin, kind)
        facts.append(Fact(key, kind, raw[begin:at]))
    for _ in range(num_tensors):
        name, rank = taken_text(), taken("I")
        shape = tuple(taken("Q") for _ in range(rank))
        tensors.append(Tensor(name, shape, taken("I"), taken("Q")))
    return File(tuple(facts), tuple(tensors), raw[at + -at % 32 :], version)


def _end(raw: bytes, at: int, kind: int) -> int:
    """Where a value ends."""
    if kind == TEXT:
        return at + 8 + int(struct.unpack_from("<Q", raw, at)[0])
    if kind != ARRAY:
        return at + struct.calcsize(f"<{_SIZES[kind]}")
    element, length = struct.unpack_from("<IQ", raw, at)
    at += 12
    if element != TEXT:
        return at + int(length) * struct.calcsize(f"<{_SIZES[element]}")
    for _ in range(length):
        at = _end(raw, at, TEXT)
    return at


# ------------------------------------------------------------------ what can be done


def mutated(whole: File, rng: random.Random) -> bytes:
    """The file after one to four changes; now and then of its bytes too."""
    file = whole
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        file = rng.choice(_CHANGES)(file, rng)
    raw = file.written()
    return rng.choice(_BYTES)(raw, rng) if rng.random() < 0.15 else raw


def _at(items: tuple[object, ...], rng: random.Random) -> int:
    return rng.randrange(len(items)) if items else 0


def _fact_value(file: File, rng: random.Random) -> File:
    """An odd value of the type that the fact has."""
    if not file.facts:
        return file
    n = _at(file.facts, rng)
    fact = file.facts[n]
    return replace(file, facts=(*file.facts[:n], replace(fact, value=_odd(fact, rng)), *file.facts[n + 1 :]))


def _odd(fact: Fact, rng: random.Random) -> bytes:
    if fact.kind == TEXT:
        return text(rng.choice(_ODD_TEXTS))
    if fact.kind == ARRAY:
        return _odd_array(fact.value, rng)
    return _number(fact.kind, rng)


def _number(kind: int, rng: random.Random) -> bytes:
    form = _SIZES[kind]
    if form in "fd":
        return struct.pack(f"<{form}", rng.choice(_ODD_FLOATS))
    size = struct.calcsize(form)
    return (rng.choice(_ODD_WIDE) % (1 << 8 * size)).to_bytes(size, "little")


def _odd_array(value: bytes, rng: random.Random) -> bytes:
    """Another type, a length that lies, honestly shorter or empty."""
    element, length = struct.unpack_from("<IQ", value)
    choice = rng.randrange(5)
    if choice == 0:
        return struct.pack("<IQ", rng.choice((0, 4, 5, 6, 8, 9, 77)), length) + value[12:]
    if choice == 1:
        return struct.pack("<IQ", element, rng.choice(_ODD_WIDE)) + value[12:]
    if choice == 2 or element in (TEXT, ARRAY):
        keep = rng.randrange(length + 1) if length else 0
        end = 12
        for _ in range(keep):
            end = _end(value, end, element)
        return struct.pack("<IQ", element, keep) + value[12:end]
    values = bytearray(value[12:])
    for _ in range(rng.randint(1, 8) if values else 0):
        values[rng.randrange(len(values))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    return struct.pack("<IQ", element, length) + bytes(values)


def _fact_kind(file: File, rng: random.Random) -> File:
    """Another type, with a value of it."""
    if not file.facts:
        return file
    n, kind = _at(file.facts, rng), rng.choice((*_SIZES, TEXT))
    value = text(rng.choice(_ODD_TEXTS)) if kind == TEXT else _number(kind, rng)
    return replace(file, facts=(*file.facts[:n], Fact(file.facts[n].key, kind, value), *file.facts[n + 1 :]))


def _fact_gone(file: File, rng: random.Random) -> File:
    n = _at(file.facts, rng)
    return replace(file, facts=(*file.facts[:n], *file.facts[n + 1 :]))


def _fact_more(file: File, rng: random.Random) -> File:
    """One that the file had not, or one that it has, twice."""
    if file.facts and rng.random() < 0.2:
        return replace(file, facts=(*file.facts, rng.choice(file.facts)))
    kind = rng.choice((4, 4, 5, 6, 7, TEXT))
    value = text(rng.choice(_ODD_TEXTS)) if kind == TEXT else _number(kind, rng)
    return replace(file, facts=(*file.facts, Fact(rng.choice(_ODD_KEYS), kind, value)))


def _tensor(file: File, rng: random.Random) -> File:
    if not file.tensors:
        return file
    n = _at(file.tensors, rng)
    old, other = file.tensors[n], rng.choice(file.tensors)
    shape = list(old.shape)
    if shape:
        shape[rng.randrange(len(shape))] = rng.choice((*_ODD_WIDE, *(2 * each for each in shape)))
    new = rng.choice(
        (
            replace(old, shape=tuple(shape)),
            replace(old, shape=(*old.shape, rng.choice((0, 1, 2)))),
            replace(old, shape=old.shape[::-1]),
            replace(old, kind=rng.choice((0, 1, 2, 4, 8, 12, 16, 30, 36, 39, 40, 41, 99, 1 << 31))),
            replace(old, offset=rng.choice((*_ODD_WIDE, old.offset + 32, max(0, old.offset - 32)))),
            replace(old, name=rng.choice((b"", b"x" * 70, b"\xff", other.name, old.name[:-1]))),
        )
    )
    return replace(file, tensors=(*file.tensors[:n], new, *file.tensors[n + 1 :]))


def _tensor_gone(file: File, rng: random.Random) -> File:
    n = _at(file.tensors, rng)
    return replace(file, tensors=(*file.tensors[:n], *file.tensors[n + 1 :]))


def _counts(file: File, rng: random.Random) -> File:
    lie = rng.choice((*_ODD_WIDE, len(file.facts) + 1, len(file.facts) - 1))
    return rng.choice(
        (
            replace(file, num_facts=lie % (1 << 64)),
            replace(file, num_tensors=lie % (1 << 64)),
            replace(file, version=rng.choice((0, 1, 2, 4, 3 << 24))),
        )
    )


def _data(file: File, rng: random.Random) -> File:
    """Weights that are no numbers, too few, or too many."""
    data = file.data
    if not data:
        return file
    choice = rng.randrange(3)
    if choice == 0:
        return replace(file, data=data[: rng.randrange(len(data))])
    if choice == 1:
        return replace(file, data=data + bytes(rng.choice((1, 32, 4096))))
    place = rng.randrange(len(data))
    return replace(file, data=data[:place] + b"\xff" * min(4096, len(data) - place) + data[place + 4096 :])


def _flipped(raw: bytes, rng: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(min(len(raw), 8000))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(1, len(raw))]


def _noise(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.choice((4, 8, 24))] + rng.randbytes(rng.randrange(1, 4000))


_CHANGES: tuple[Callable[[File, random.Random], File], ...] = (
    *(_fact_value, _fact_value, _fact_value, _fact_kind, _fact_gone, _fact_more, _fact_more),
    *(_tensor, _tensor, _tensor_gone, _counts, _data),
)
_BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flipped, _cut, _noise)
