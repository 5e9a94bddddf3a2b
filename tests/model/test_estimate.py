"""The estimate against what llama.cpp takes, within five parts of a hundred (goal E10)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hobd.broker.account import Account
from hobd.broker.estimate import Settings, estimate
from hobd.store.gguf import KINDS, read_header
from hobd.wire.messages import Measured
from hobd.worker import llama, llama_engine
from hobd.worker.engine import Settings as Loading
from hobd.worker.engine import Slice

from tests.synthetic import Kind, Size, write_synthetic

SMALL = Settings(context_tokens=2048, num_lanes=4, batch_tokens=128)
USUAL = Settings(num_lanes=16)
BUFFERS = ("weights", "kv_cache", "compute")
SIZE = Size(width=256, heads=4, kv_heads=2, hidden=768, vocabulary=8000, layers=4)
CASES = {
    "dense": ("llama", SIZE),
    "experts": ("llama", replace(SIZE, experts=4, hidden=256)),
    "copied weights": ("llama", replace(SIZE, kind=Kind.Q4_0)),
    "tied": ("llama", replace(SIZE, is_tied=True, kind=Kind.Q8_0)),
    "windows": ("gemma3", replace(SIZE, layers=6)),
    "recurrent": ("mamba", SIZE),
    "convolutions": ("lfm2", SIZE),
    "hybrid": ("jamba", SIZE),
    "latent": ("deepseek2", SIZE),
}


def load(path: Path, settings: Settings) -> llama_engine.LlamaEngine:
    fd = os.open(path, os.O_RDONLY)
    try:
        engine = llama_engine.load(
            fd,
            Loading(
                context_tokens=settings.context_tokens,
                num_lanes=settings.num_lanes,
                batch_tokens=settings.batch_tokens,
                kv_type=settings.kv_type,
                num_threads=1,
            ),
            lambda fraction: None,
        )
    finally:
        os.close(fd)
    assert isinstance(engine, llama_engine.LlamaEngine)
    return engine


def estimated(path: Path, settings: Settings) -> Account:
    fd = os.open(path, os.O_RDONLY)
    try:
        return estimate(read_header(fd, path.stem), settings)
    finally:
        os.close(fd)


def taken(path: Path, settings: Settings) -> list[Measured]:
    engine = load(path, settings)
    engine.close()
    return engine.memory()


def of_buffers(lines: Iterable[object]) -> dict[str, int]:
    return {str(x.purpose): x.num_bytes for x in lines if str(x.purpose) in BUFFERS}  # type: ignore[attr-defined]


def assert_close(path: Path, settings: Settings) -> None:
    told, measured = of_buffers(estimated(path, settings)), of_buffers(taken(path, settings))
    assert abs(sum(told.values()) / sum(measured.values()) - 1) < 0.05, (told, measured)
    assert abs(told.get("kv_cache", 0) - measured.get("kv_cache", 0)) < 20_000
    assert abs(told["weights"] / measured["weights"] - 1) < 0.05


@pytest.mark.parametrize("settings", [SMALL, USUAL], ids=["small", "usual"])
@pytest.mark.parametrize(("architecture", "size"), CASES.values(), ids=CASES)
def test_estimate_is_what_buffers_take(
    tmp_path: Path, architecture: str, size: Size, settings: Settings
) -> None:
    assert_close(write_synthetic(tmp_path / "m.gguf", architecture, size), settings)


@pytest.mark.model
@pytest.mark.parametrize("settings", [SMALL, USUAL, replace(USUAL, kv_type="q8_0")])
def test_estimate_is_what_the_starter_model_takes(starter_model: Path, settings: Settings) -> None:
    assert_close(starter_model, settings)


def test_vocabulary_is_measured_as_overhead(tmp_path: Path) -> None:
    few, many = (
        next(line.num_bytes for line in taken(path, SMALL) if line.purpose == "overhead")
        for path in (
            write_synthetic(tmp_path / f"{n}.gguf", "llama", replace(SIZE, vocabulary=n))
            for n in (500, 64_000)
        )
    )
    assert 5_000_000 < many - few < 25_000_000


@pytest.mark.model
def test_a_cache_of_q8_0_says_the_same_in_half_the_room(starter_model: Path) -> None:
    said, rooms = [], []
    for kv_type in ("f16", "q8_0"):
        engine = load(starter_model, replace(SMALL, kv_type=kv_type))
        tokens = engine.tokenize("The capital of France is", add_special=True, parse_special=False)
        engine.decode([Slice(0, 0, tokens, 1)])
        said.append(engine.piece(engine.greedy(1)[0]))
        rooms.append(of_buffers(engine.memory())["kv_cache"])
        engine.close()
    assert said == [b" Paris", b" Paris"]
    assert abs(rooms[1] - rooms[0] * 34 // 64) < 20_000


def test_sizes_of_types_are_the_engines_own() -> None:
    base = ctypes.CDLL(str(Path(llama.lib._name).with_name("libggml-base.so")))
    base.ggml_blck_size.restype = ctypes.c_int64
    base.ggml_type_size.restype = ctypes.c_size_t
    for number, kind in KINDS.items():
        assert (base.ggml_blck_size(number), base.ggml_type_size(number)) == (kind.block, kind.num_bytes)


def test_a_step_that_wants_more_rows_than_there_is_room_for_is_an_error(tiny_model: Path) -> None:
    engine = load(tiny_model, replace(SMALL, num_lanes=1))
    with pytest.raises(llama_engine.EngineError, match="rows of logits"):
        engine.decode([Slice(0, 0, [5] * 100, 100)])
    engine.close()
