"""Headers of model files: whole ones are read, and no other one does harm."""

from __future__ import annotations

import os
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hobd.errors import ModelUnusable
from hobd.store.gguf import KINDS, MAX_TEXTS, Kind, read_header
from hobd.store.header import Array, Header
from hypothesis import given
from hypothesis import strategies as st

U8, U32, F32, TEXT, ARRAY, U64 = 0, 4, 6, 8, 9, 10


def text(words: str | bytes) -> bytes:
    raw = words.encode() if isinstance(words, str) else words
    return struct.pack("<Q", len(raw)) + raw


def fact(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, length: int, values: bytes = b"") -> bytes:
    return struct.pack("<IQ", kind, length) + values


def tensor(name: str = "a", shape: tuple[int, ...] = (8,), kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def file(*parts: bytes, facts: int = 0, tensors: int = 0, data: int = 64, version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, facts) + b"".join(parts)
    return head + b"\0" * (-len(head) % 32) + b"\0" * data


def read(raw: bytes) -> Header:
    with tempfile.TemporaryFile() as place:
        place.write(raw)
        place.flush()
        return read_header(place.fileno(), "m")


def written(tmp_path: Path, fill: Callable[[gguf.GGUFWriter], None]) -> Header:
    path = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read(path.read_bytes())


# ---------------------------------------------------------------------- whole ones


def test_facts_come_back_as_they_were_written(tmp_path: Path) -> None:
    def fill(writer: gguf.GGUFWriter) -> None:
        writer.add_block_count(7)
        writer.add_chat_template("ünï")
        writer.add_head_count_kv([1, 0, 3])
        writer.add_bool("flag", True)

    header = written(tmp_path, fill)
    assert (header.architecture, header.number("llama.block_count")) == ("llama", 7)
    assert header.text("tokenizer.chat_template") == "ünï" and header.facts["flag"] is True
    assert header.facts["llama.attention.head_count_kv"] == Array(length=3, values=(1, 0, 3))


def test_of_a_vocabulary_only_the_length_is_kept(tmp_path: Path) -> None:
    header = written(tmp_path, lambda writer: writer.add_token_list([f"token {n}" for n in range(70_000)]))
    assert header.facts["tokenizer.ggml.tokens"] == Array(length=70_000)


@pytest.mark.parametrize("kind", [gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q8_0])
def test_tensors_have_their_shapes_and_sizes(tmp_path: Path, kind: gguf.GGMLQuantizationType) -> None:
    block, num_bytes = gguf.GGML_QUANT_SIZES[kind]
    raw = np.zeros((6, 512 // block * num_bytes), np.uint8)
    header = written(tmp_path, lambda writer: writer.add_tensor("w", raw, raw_dtype=kind))
    assert header.tensors[0].shape == (512, 6) and header.tensors[0].kind == kind.name
    assert header.tensors[0].num_bytes == raw.nbytes


def test_sizes_of_types_are_those_of_the_format() -> None:
    sizes = {kind.value: (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    known = {number: (kind.name, kind.block, kind.num_bytes) for number, kind in KINDS.items()}
    assert all(sizes[number] == known[number] for number in sizes.keys() & known.keys())
    missing = {gguf.GGMLQuantizationType(number).name for number in sizes.keys() - known.keys()}
    assert missing <= {"Q8_1", "Q8_K"}  # what is computed with, never stored


def test_place_in_the_file_is_left_alone() -> None:
    with tempfile.TemporaryFile() as place:
        place.write(file())
        place.seek(7)
        read_header(place.fileno(), "m")
        assert os.lseek(place.fileno(), 0, os.SEEK_CUR) == 7


def test_a_fact_that_is_no_count_is_none() -> None:
    raw = file(fact("a", F32, struct.pack("<f", 1.5)), fact("b", TEXT, text("9")), facts=2)
    assert (read(raw).number("a"), read(raw).number("b", 3), read(raw).text("a")) == (0, 3, "")


# ---------------------------------------------------------------------- others

U64_MAX = (1 << 64) - 1
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "in the middle of its header"),
    "something else": (b"PK\x03\x04" + b"\0" * 100, "not a GGUF file"),
    "old": (file(version=1), "version 1"),
    "of another byte order": (file(version=3 << 24), "little-endian"),
    "countless facts": (file(facts=U64_MAX), f"{U64_MAX} facts"),
    "countless tensors": (file(tensors=1 << 40), "tensors"),
    "endless key": (file(struct.pack("<Q", U64_MAX), facts=1), "bytes of a key"),
    "key beyond the end": (file(struct.pack("<Q", 1000), facts=1, data=0), "in the middle"),
    "key that is no text": (file(text(b"\xff"), facts=1), "not UTF-8"),
    "one key twice": (file(fact("a", U8, b"1") * 2, facts=2), "says a twice"),
    "unknown type of a fact": (file(fact("a", 77, b""), facts=1), "does not exist (77)"),
    "endless text": (file(fact("a", TEXT, struct.pack("<Q", 1 << 40)), facts=1), "bytes of a fact"),
    "endless array": (file(fact("a", ARRAY, array(U64, U64_MAX)), facts=1), "elements in an array"),
    "array beyond the end": (file(fact("a", ARRAY, array(U64, 1 << 20)), facts=1), "in the middle"),
    "array of arrays": (file(fact("a", ARRAY, array(ARRAY, 1)), facts=1), "array of type 9"),
    "countless texts": (file(fact("a", ARRAY, array(TEXT, MAX_TEXTS + 1)), facts=1), "texts"),
    "text of an array beyond the end": (
        file(fact("a", ARRAY, array(TEXT, 2, struct.pack("<Q", U64_MAX))), facts=1),
        "in the middle",
    ),
    "texts that hold nothing and never end": (
        file(fact("a", ARRAY, array(TEXT, MAX_TEXTS)), facts=1),
        "in the middle",
    ),
    "alignment 0": (file(fact("general.alignment", U32, struct.pack("<I", 0)), facts=1), "alignment"),
    "alignment 48": (file(fact("general.alignment", U32, struct.pack("<I", 48)), facts=1), "alignment"),
    "five dimensions": (file(tensor(shape=(1,) * 5), tensors=1), "dimensions"),
    "no dimension": (file(tensor(shape=()), tensors=1), "impossible shape"),
    "nothing in a dimension": (file(tensor(shape=(8, 0)), tensors=1), "impossible shape"),
    "more than 64 bits of numbers": (file(tensor(shape=(1 << 33, 1 << 33)), tensors=1), "impossible shape"),
    "unknown type of a tensor": (file(tensor(kind=9999), tensors=1), "of a type"),
    "half a block": (file(tensor(kind=8, shape=(33,)), tensors=1), "no multiple of 32"),
    "one tensor twice": (file(tensor() * 2, tensors=2), "lists the tensor a twice"),
    "tensor beyond the end": (file(tensor(shape=(1000,)), tensors=1), "beyond the end"),
    "tensor that begins far beyond": (file(tensor(offset=1 << 63), tensors=1), "beyond the end"),
    "unaligned tensor": (file(tensor(offset=8), tensors=1), "alignment"),
    "two tensors on one place": (file(tensor("a"), tensor("b"), tensors=2), "a and b overlap"),
}


@pytest.mark.parametrize(("raw", "words"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_header_is_refused_in_a_sentence(raw: bytes, words: str) -> None:
    with pytest.raises(ModelUnusable) as refusal:
        read(raw)
    assert words in refusal.value.message and len(refusal.value.message) < 300


def test_what_a_refusal_quotes_is_fit_for_a_terminal() -> None:
    with pytest.raises(ModelUnusable) as refusal:
        read(file(fact("\x1b[2J" * 100, 77, b""), facts=1))
    assert refusal.value.message.isprintable() and len(refusal.value.message) < 300


def test_many_arrays_cannot_fill_our_memory() -> None:
    one = array(U64, 4096, struct.pack("<4096Q", *range(4096)))
    header = read(file(*(fact(f"a{n}", ARRAY, one) for n in range(100)), facts=100))
    kept = [value for value in header.facts.values() if isinstance(value, Array) and value.values]
    assert sum(len(value.values or ()) for value in kept) <= 1 << 16


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from tests.tiny_model import Shape, write_tiny_model

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    return write_tiny_model(path, shape=Shape(layers=1)).read_bytes()


def flipped(raw: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 8)):
        raw[rng.randrange(8000)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(raw)


def cut(raw: bytearray, rng: random.Random) -> bytes:
    return bytes(raw[: rng.randrange(len(raw))])


def grown(raw: bytearray, rng: random.Random) -> bytes:
    place = rng.randrange(8000)
    return bytes(raw[:place] + rng.randbytes(rng.randint(1, 16)) + raw[place:])


@pytest.mark.parametrize("change", [flipped, cut, grown])
def test_a_changed_file_is_read_or_refused(whole: bytes, change: Any) -> None:
    rng = random.Random(7)
    num_refused = 0
    for _ in range(1500):
        try:
            read(change(bytearray(whole), rng))
        except ModelUnusable:
            num_refused += 1
    assert num_refused > 100


@given(raw=st.binary(max_size=400))
def test_no_bytes_do_harm(raw: bytes) -> None:
    for start in (b"", b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 1, 1)):
        try:
            read(start + raw)
        except ModelUnusable as refusal:
            assert refusal.message.isprintable()


def test_a_type_knows_its_size() -> None:
    assert KINDS[12] == Kind("Q4_K", 256, 144)
