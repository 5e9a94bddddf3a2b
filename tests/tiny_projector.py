"""Writes random-weight projectors of some hundred kilobytes, and a model whose positions are four numbers.

Must never read the network, the clock or unseeded randomness: the same arguments give the same bytes.
Called by tests that show a real engine pictures and sounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from tests import tiny_model
from tests.tiny_model import Shape

_WIDTH, _HIDDEN, _HEADS, _LAYERS = 32, 64, 2, 1
_PATCH = 8
_IMAGE_SIZE = {"mlp": 32, "gemma3": 32, "qwen2vl_merger": 64}
_MERGE = {"mlp": 2, "gemma3": 2, "qwen2vl_merger": 2}
_MEL_BINS, _FRAMES, _STACK = 80, 1500, 50
_MODEL_WIDTH = Shape().width

#: Kinds that see. Gemma's views look both ways, and Qwen's stand on a grid.
SEEING = ("mlp", "gemma3", "qwen2vl_merger")
HEARING = "ultravox"
Weights = Iterator[tuple[str, np.ndarray]]


def write_tiny_projector(path: Path, kind: str = "mlp", *, seed: int = 0, width: int = _MODEL_WIDTH) -> Path:
    """A projector for models whose embeddings are so wide."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "clip")
    modality = "audio" if kind == HEARING else "vision"
    writer.add_bool(f"clip.has_{modality}_encoder", True)
    writer.add_string("clip.projector_type", kind)
    for key, value in {
        "embedding_length": _WIDTH,
        "feed_forward_length": _HIDDEN,
        "block_count": _LAYERS,
        "projection_dim": width,
        "attention.head_count": _HEADS,
    }.items():
        writer.add_uint32(f"clip.{modality}.{key}", value)
    writer.add_float32(f"clip.{modality}.attention.layer_norm_epsilon", 1e-6)
    writer.add_bool("clip.use_gelu", True)
    weights = _ear(writer, rng, width) if kind == HEARING else _eye(writer, kind, rng, width)
    return tiny_model.finish(writer, path, weights)


def write_tiny_mrope_model(path: Path, *, seed: int = 0, context: int = 512) -> Path:
    """Of Qwen2-VL's architecture."""
    shape, tokens = Shape(), list(tiny_model.vocabulary_tokens())
    writer = gguf.GGUFWriter(path, "qwen2vl")
    tiny_model.write_facts(writer, shape, context, tiny_model.CHATML)
    writer.add_rope_dimension_sections([2, 3, 3, 0])
    tiny_model.write_vocabulary(writer, tokens)
    rng = np.random.default_rng(seed)

    def weights() -> Weights:
        yield from tiny_model.weights(shape, tokens, rng, printable=True, ends=False)
        for layer in range(shape.layers):
            for name, size in (("q", shape.width), ("k", shape.kv_width), ("v", shape.kv_width)):
                yield f"blk.{layer}.attn_{name}.bias", rng.normal(0, 0.1, size).astype(np.float32)

    return tiny_model.finish(writer, path, weights())


def _eye(writer: gguf.GGUFWriter, kind: str, rng: np.random.Generator, width: int) -> Weights:
    size, merge = _IMAGE_SIZE[kind], _MERGE[kind]
    writer.add_uint32("clip.vision.image_size", size)
    writer.add_uint32("clip.vision.patch_size", _PATCH)
    writer.add_uint32("clip.vision.projector.scale_factor", merge)
    writer.add_uint32("clip.vision.preproc_image_size", 2 * size)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    yield "v.patch_embd.weight", _random(rng, _WIDTH, 3, _PATCH, _PATCH)
    if kind == "qwen2vl_merger":
        yield "v.patch_embd.weight.1", _random(rng, _WIDTH, 3, _PATCH, _PATCH)
    else:
        yield "v.patch_embd.bias", _random(rng, _WIDTH)
        yield "v.position_embd.weight", _random(rng, (size // _PATCH) ** 2, _WIDTH)
    yield from _layers(rng, "v", has_key_bias=True)
    yield "v.post_ln.weight", np.ones(_WIDTH, np.float32)
    yield "v.post_ln.bias", np.zeros(_WIDTH, np.float32)
    merged = _WIDTH * merge * merge
    if kind == "gemma3":
        yield "mm.soft_emb_norm.weight", np.ones(_WIDTH, np.float32)
        yield "mm.input_projection.weight", _random(rng, _WIDTH, width)
    else:
        merged = merged if kind == "qwen2vl_merger" else _WIDTH
        yield "mm.0.weight", _random(rng, merged, merged)
        yield "mm.0.bias", _random(rng, merged)
        yield "mm.2.weight", _random(rng, width, merged)
        yield "mm.2.bias", _random(rng, width)


def _ear(writer: gguf.GGUFWriter, rng: np.random.Generator, width: int) -> Weights:
    writer.add_uint32("clip.audio.num_mel_bins", _MEL_BINS)
    writer.add_uint32("clip.audio.projector.stack_factor", _STACK)
    yield "a.conv1d.1.weight", _random(rng, _WIDTH, _MEL_BINS, 3)
    yield "a.conv1d.1.bias", _random(rng, _WIDTH, 1)
    yield "a.conv1d.2.weight", _random(rng, _WIDTH, _WIDTH, 3)
    yield "a.conv1d.2.bias", _random(rng, _WIDTH, 1)
    yield "a.position_embd.weight", _random(rng, _FRAMES, _WIDTH)
    yield from _layers(rng, "a", has_key_bias=False)
    yield "a.post_ln.weight", np.ones(_WIDTH, np.float32)
    yield "a.post_ln.bias", np.zeros(_WIDTH, np.float32)
    stacked = _WIDTH * _STACK
    yield "mm.a.norm_pre.weight", np.ones(stacked, np.float32)
    yield "mm.a.mlp.1.weight", _random(rng, 2 * _HIDDEN, stacked)
    yield "mm.a.norm_mid.weight", np.ones(_HIDDEN, np.float32)
    yield "mm.a.mlp.2.weight", _random(rng, width, _HIDDEN)


def _layers(rng: np.random.Generator, prefix: str, *, has_key_bias: bool) -> Weights:
    for layer in range(_LAYERS):
        block = f"{prefix}.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            yield f"{block}.{name}.weight", _random(rng, _WIDTH, _WIDTH)
            if name != "attn_k" or has_key_bias:
                yield f"{block}.{name}.bias", _random(rng, _WIDTH)
        for name in ("ln1", "ln2"):
            yield f"{block}.{name}.weight", np.ones(_WIDTH, np.float32)
            yield f"{block}.{name}.bias", np.zeros(_WIDTH, np.float32)
        yield f"{block}.ffn_up.weight", _random(rng, _HIDDEN, _WIDTH)
        yield f"{block}.ffn_up.bias", _random(rng, _HIDDEN)
        yield f"{block}.ffn_down.weight", _random(rng, _WIDTH, _HIDDEN)
        yield f"{block}.ffn_down.bias", _random(rng, _WIDTH)


def _random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    scale = shape[-1] ** -0.5 if len(shape) > 1 and shape[-1] > 1 else 0.1
    return rng.normal(0, scale, shape).astype(np.float32)
