"""Writes random-weight models whose memory is not a row of cells: recurrent ones, and sliding windows.

Must give the same bytes for the same arguments, as tiny_model.py, whose vocabulary it uses. Called by tests
of what cannot be shared in part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from tests.tiny_model import CHATML, Shape, finish, may_say, vocabulary_tokens, write_vocabulary

LAYERS, WIDTH, INNER, STATE, CONV, RANK = 2, 64, 128, 16, 4, 8
WINDOW = 32


def write_tiny_mamba(path: Path, *, context: int = 512) -> Path:
    """A recurrent model: one state for each sequence, whatever its length."""
    tokens = list(vocabulary_tokens())
    writer = gguf.GGUFWriter(path, "mamba")
    _write_common(writer, context, feed_forward=0, heads=0)
    writer.add_ssm_conv_kernel(CONV)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(RANK)
    write_vocabulary(writer, tokens)
    return finish(writer, path, _mamba(tokens, np.random.default_rng(0)))


def write_tiny_gemma(path: Path, *, context: int = 512) -> Path:
    """A model most of whose layers look back `WINDOW` tokens only."""
    tokens = list(vocabulary_tokens())
    shape = Shape(layers=6, kv_heads=4)
    writer = gguf.GGUFWriter(path, "gemma3")
    _write_common(writer, context, feed_forward=shape.hidden, heads=shape.heads, layers=shape.layers)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.width // shape.heads)
    writer.add_value_length(shape.width // shape.heads)
    writer.add_sliding_window(WINDOW)
    write_vocabulary(writer, tokens)
    return finish(writer, path, _gemma(tokens, shape, np.random.default_rng(0)))


def _write_common(
    writer: gguf.GGUFWriter, context: int, *, feed_forward: int, heads: int, layers: int = LAYERS
) -> None:
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_chat_template(CHATML)


def _matrix(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.normal(0.0, columns**-0.5, (rows, columns)).astype(np.float32)


def _output(rng: np.random.Generator, tokens: list[str]) -> np.ndarray:
    """Never says what does not print."""
    output = _matrix(rng, len(tokens), WIDTH)
    output[[not may_say(token, printable=True, ends=False) for token in tokens]] = 0.0
    return output


def _mamba(tokens: list[str], rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    yield "token_embd.weight", _matrix(rng, len(tokens), WIDTH)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        yield name + "attn_norm.weight", np.ones(WIDTH, np.float32)
        yield name + "ssm_in.weight", _matrix(rng, 2 * INNER, WIDTH)
        yield name + "ssm_conv1d.weight", _matrix(rng, INNER, CONV)
        yield name + "ssm_conv1d.bias", np.zeros(INNER, np.float32)
        yield name + "ssm_x.weight", _matrix(rng, RANK + 2 * STATE, INNER)
        yield name + "ssm_dt.weight", _matrix(rng, INNER, RANK)
        yield name + "ssm_dt.bias", np.zeros(INNER, np.float32)
        yield name + "ssm_a", -np.ones((INNER, STATE), np.float32)
        yield name + "ssm_d", np.ones(INNER, np.float32)
        yield name + "ssm_out.weight", _matrix(rng, WIDTH, INNER)
    yield "output_norm.weight", np.ones(WIDTH, np.float32)
    yield "output.weight", _output(rng, tokens)


def _gemma(tokens: list[str], shape: Shape, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    norm, head_norm = np.zeros(WIDTH, np.float32) + 1, np.ones(shape.width // shape.heads, np.float32)
    yield "token_embd.weight", _matrix(rng, len(tokens), WIDTH)
    for layer in range(shape.layers):
        name = f"blk.{layer}."
        yield name + "attn_norm.weight", norm
        yield name + "attn_q.weight", _matrix(rng, WIDTH, WIDTH)
        yield name + "attn_k.weight", _matrix(rng, shape.kv_width, WIDTH)
        yield name + "attn_v.weight", _matrix(rng, shape.kv_width, WIDTH)
        yield name + "attn_q_norm.weight", head_norm
        yield name + "attn_k_norm.weight", head_norm
        yield name + "attn_output.weight", _matrix(rng, WIDTH, WIDTH)
        yield name + "post_attention_norm.weight", norm
        yield name + "ffn_norm.weight", norm
        yield name + "ffn_gate.weight", _matrix(rng, shape.hidden, WIDTH)
        yield name + "ffn_up.weight", _matrix(rng, shape.hidden, WIDTH)
        yield name + "ffn_down.weight", _matrix(rng, WIDTH, shape.hidden)
        yield name + "post_ffw_norm.weight", norm
    yield "output_norm.weight", norm
    yield "output.weight", _output(rng, tokens)
