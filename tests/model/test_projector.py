"""The engine's way through views against mtmd's own, on the same chunks: the logits must agree."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hobd.worker import developing, llama_engine
from hobd.worker.darkroom import Develop
from hobd.worker.engine import EngineError, Picture, Settings, Slice, Sound
from hobd.worker.llama_engine import LlamaEngine
from hobd.worker.views import View

from tests.media_files import picture, sound
from tests.tiny_model import write_tiny_model
from tests.tiny_projector import HEARING, SEEING, write_tiny_mrope_model, write_tiny_projector

pytestmark = pytest.mark.model
BEFORE, AFTER = "what is ", " this?"


@pytest.fixture(params=[*SEEING, HEARING])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LlamaEngine]:
    write = write_tiny_mrope_model if request.param == "qwen2vl_merger" else write_tiny_model
    files = write(tmp_path / "tiny.gguf"), write_tiny_projector(tmp_path / "eye.gguf", request.param)
    fds = [os.open(file, os.O_RDONLY) for file in files]
    engine = llama_engine.load(fds[0], Settings(num_lanes=3, num_threads=1), lambda fraction: None)
    assert isinstance(engine, LlamaEngine)
    engine.look_through(fds[1])
    for fd in fds:
        os.close(fd)
    yield engine
    engine.close()


def medium(engine: LlamaEngine, seed: int = 0) -> Picture | Sound:
    assert engine.projector is not None
    if engine.projector.hears:
        return Sound(samples=developing.respond(Develop(sound(seed), 16_000)).floats)
    seen = developing.respond(Develop(picture(seed, width=90), 0))
    return Picture(width=seen.width, height=seen.height, rgb=seen.rgb)


def prompt(engine: LlamaEngine, seed: int = 0) -> list[int | View]:
    assert engine.projector is not None
    before, after = (engine.tokenize(t, add_special=False, parse_special=True) for t in (BEFORE, AFTER))
    return [*before, *engine.projector.lay_out(medium(engine, seed)), *after]


def compute(engine: LlamaEngine, lane: int, pieces: list[int | View]) -> np.ndarray:
    """The logits after all of a prompt, computed as the loop does."""
    assert engine.projector is not None
    start = 0
    for is_view, group in groupby(pieces, lambda piece: isinstance(piece, View)):
        for step in group if is_view else [list(group)]:
            view = step if isinstance(step, View) else None
            if view is not None:
                engine.projector.encode(view)
            tokens: Any = list(view.tokens) if view is not None else step
            engine.decode([Slice(lane, start, tokens, 1, view)])
            start += len(tokens)
            assert engine.length(lane) == start
    return engine.rows()[-1].copy()


def reference(engine: LlamaEngine, lane: int) -> np.ndarray:
    """The same by mtmd's helper."""
    projector: Any = engine.projector
    mtmd, text = projector._mtmd, f"{BEFORE}<__media__>{AFTER}".encode()
    bitmap, chunks = projector._bitmap(medium(engine)), mtmd.mtmd_input_chunks_init()
    said, past = mtmd.mtmd_input_text(text, len(text), False, True), ctypes.c_int32()
    bitmaps = (ctypes.c_void_p * 1)(bitmap)
    assert mtmd.mtmd_tokenize(projector._context, chunks, ctypes.byref(said), bitmaps, 1) == 0
    arguments = (projector._context, engine._context, chunks, 0, lane, 512, True, ctypes.byref(past))
    assert mtmd.mtmd_helper_eval_chunks(*arguments) == 0
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    engine._num_rows = 1
    return engine.rows()[0].copy()


def test_logits_are_those_of_llama_cpps_own_helper(engine: LlamaEngine) -> None:
    ours, theirs = compute(engine, 0, prompt(engine)), reference(engine, 1)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.abs(compute(engine, 2, prompt(engine, seed=1)) - theirs).max() > 1e-3


def test_stowed_and_shared_lanes_go_on_where_they_were(engine: LlamaEngine) -> None:
    pieces = prompt(engine)
    compute(engine, 0, pieces)
    length = engine.length(0)
    engine.copy(0, 1, length)
    engine.fetch(engine.stow(0), 2, length)
    rows = []
    for lane in (0, 1, 2):
        engine.decode([Slice(lane, length, [7], 1)])
        rows.append(engine.rows()[0].copy())
        engine.trim(lane, length)
        assert engine.length(lane) == length
    np.testing.assert_allclose(rows[1:], [rows[0], rows[0]], atol=1e-3)


def test_prompt_is_computed_anew_from_before_its_view(engine: LlamaEngine) -> None:
    pieces = prompt(engine)
    whole = compute(engine, 0, pieces)
    start = next(index for index, piece in enumerate(pieces) if isinstance(piece, View))
    engine.trim(0, start)
    assert engine.length(0) == start
    engine.forget(0)
    np.testing.assert_allclose(compute(engine, 0, prompt(engine)), whole, atol=1e-4)


def test_same_medium_has_the_same_stand_ins_and_another_has_others(engine: LlamaEngine) -> None:
    one, again, other = (
        [piece.tokens for piece in prompt(engine, seed) if isinstance(piece, View)] for seed in (0, 0, 1)
    )
    assert one == again and not set(one) & set(other)


def test_medium_of_the_other_sense_is_refused(engine: LlamaEngine) -> None:
    assert engine.projector is not None
    wrong: Any = (
        Picture(width=1, height=1, rgb=b"123") if engine.projector.hears else Sound(samples=bytes(64))
    )
    with pytest.raises(EngineError, match="send"):
        engine.projector.lay_out(wrong)
