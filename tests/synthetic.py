"""Writes models of real architectures and sizes, all zeros: they say nothing, and take the memory of others.

Must give the same bytes for the same arguments. Called by tests of the memory estimate and by
benchmarks/estimate.py; tiny_model.py writes those that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from tests.tiny_model import CHATML, SPECIAL_TOKENS, vocabulary_tokens

Tensors = Iterator[tuple[str, tuple[int, ...]]]
Kind = gguf.GGMLQuantizationType
_CONV, _STATE = 4, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The sizes of the network. `experts` 0: its layers are dense."""

    layers: int = 8
    width: int = 512
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 2048
    vocabulary: int = 32000
    context: int = 8192
    experts: int = 0
    experts_used: int = 2
    kind: Kind = Kind.F16
    is_tied: bool = False  # the same numbers read tokens and say them

    @property
    def head(self) -> int:
        return self.width // self.heads

    @property
    def kv_width(self) -> int:
        return self.head * self.kv_heads


def write_synthetic(path: Path, architecture: str, size: Size = Size()) -> Path:
    """A model that llama.cpp loads."""
    facts, layer = ARCHITECTURES[architecture]
    writer = gguf.GGUFWriter(path, architecture)
    _common_facts(writer, size)
    facts(writer, size)
    _vocabulary(writer, size.vocabulary)
    for name, shape in _tensors(architecture, size, layer):
        _add(writer, name, shape, size.kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _common_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_name("synthetic")
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_chat_template(CHATML)
    if size.experts:
        writer.add_expert_count(size.experts)
        writer.add_expert_used_count(size.experts_used)


def _vocabulary(writer: gguf.GGUFWriter, length: int) -> None:
    tokens = list(vocabulary_tokens())
    kinds = [gguf.TokenType.CONTROL] * len(SPECIAL_TOKENS)
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    spare = range(length - len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*tokens, *(f"<|spare_{number}|>" for number in spare)])
    writer.add_token_types([*kinds, *(gguf.TokenType.UNUSED for _ in spare)])
    writer.add_token_merges(["t h"])
    writer.add_eos_token_id(2)


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], kind: Kind) -> None:
    """`shape` as NumPy writes it, the longest stride first. What multiplies is of `kind`, the rest whole."""
    if len(shape) == 1 or ("ssm_" in name and "_in" not in name and "_out" not in name) or "conv" in name:
        writer.add_tensor(name, np.ones(shape, np.float32))
    elif kind in (Kind.F32, Kind.F16):
        writer.add_tensor(name, np.zeros(shape, np.float16 if kind is Kind.F16 else np.float32))
    else:
        block, num_bytes = gguf.GGML_QUANT_SIZES[kind]
        raw = np.zeros((*shape[:-1], shape[-1] // block * num_bytes), np.uint8)
        writer.add_tensor(name, raw, raw_dtype=kind)


def _tensors(architecture: str, size: Size, layer: Callable[[Size, int], Tensors]) -> Tensors:
    yield "token_embd.weight", (size.vocabulary, size.width)
    for number in range(size.layers):
        yield from ((f"blk.{number}.{name}", shape) for name, shape in layer(size, number))
    yield "token_embd_norm.weight" if architecture == "lfm2" else "output_norm.weight", (size.width,)
    if not size.is_tied:
        yield "output.weight", (size.vocabulary, size.width)


# ---------------------------------------------------------------------- parts of layers


def _attention(size: Size) -> Tensors:
    yield "attn_norm.weight", (size.width,)
    yield "attn_q.weight", (size.width, size.width)
    yield "attn_k.weight", (size.kv_width, size.width)
    yield "attn_v.weight", (size.kv_width, size.width)
    yield "attn_output.weight", (size.width, size.width)


def _head_norms(size: Size) -> Tensors:
    yield "attn_q_norm.weight", (size.head,)
    yield "attn_k_norm.weight", (size.head,)


def _forward(size: Size) -> Tensors:
    yield "ffn_norm.weight", (size.width,)
    experts, suffix = ((size.experts,), "_exps") if size.experts else ((), "")
    if experts:
        yield "ffn_gate_inp.weight", (size.experts, size.width)
    yield f"ffn_gate{suffix}.weight", (*experts, size.hidden, size.width)
    yield f"ffn_up{suffix}.weight", (*experts, size.hidden, size.width)
    yield f"ffn_down{suffix}.weight", (*experts, size.width, size.hidden)


def _mamba(size: Size) -> Tensors:
    inner, rank = 2 * size.width, size.width // 16
    yield "attn_norm.weight", (size.width,)
    yield "ssm_in.weight", (2 * inner, size.width)
    yield "ssm_conv1d.weight", (inner, _CONV)
    yield "ssm_conv1d.bias", (inner,)
    yield "ssm_x.weight", (rank + 2 * _STATE, inner)
    yield "ssm_dt.weight", (inner, rank)
    yield "ssm_dt.bias", (inner,)
    yield "ssm_a", (inner, _STATE)
    yield "ssm_d", (inner,)
    yield "ssm_out.weight", (size.width, inner)


def _mamba_norms(size: Size) -> Tensors:
    yield "ssm_dt_norm.weight", (size.width // 16,)
    yield "ssm_b_norm.weight", (_STATE,)
    yield "ssm_c_norm.weight", (_STATE,)


def _short_convolution(size: Size) -> Tensors:
    yield "attn_norm.weight", (size.width,)
    yield "shortconv.conv.weight", (size.width, 3)
    yield "shortconv.in_proj.weight", (3 * size.width, size.width)
    yield "shortconv.out_proj.weight", (size.width, size.width)


def _latent_attention(size: Size) -> Tensors:
    rank, rope, nope = LATENT
    yield "attn_norm.weight", (size.width,)
    yield "attn_q_a.weight", (rank, size.width)
    yield "attn_q_a_norm.weight", (rank,)
    yield "attn_q_b.weight", (size.heads * (nope + rope), rank)
    yield "attn_kv_a_mqa.weight", (rank + rope, size.width)
    yield "attn_kv_a_norm.weight", (rank,)
    yield "attn_k_b.weight", (size.heads, rank, nope)
    yield "attn_v_b.weight", (size.heads, nope, rank)
    yield "attn_output.weight", (size.width, size.heads * nope)


# ---------------------------------------------------------------------- whole layers


def _is_attending(number: int) -> bool:
    """In a hybrid every fourth layer attends."""
    return number % 4 == 3


def _llama(size: Size, number: int) -> Tensors:
    yield from _attention(size)
    yield from _forward(size)


def _gemma3(size: Size, number: int) -> Tensors:
    yield from _attention(size)
    yield from _head_norms(size)
    yield "post_attention_norm.weight", (size.width,)
    yield from _forward(size)
    yield "post_ffw_norm.weight", (size.width,)


def _lfm2(size: Size, number: int) -> Tensors:
    if _is_attending(number):
        yield from _attention(size)
        yield from _head_norms(size)
    else:
        yield from _short_convolution(size)
    yield from _forward(size)


def _jamba(size: Size, number: int) -> Tensors:
    if _is_attending(number):
        yield from _attention(size)
    else:
        yield from _mamba(size)
        yield from _mamba_norms(size)
    yield from _forward(size)


def _deepseek2(size: Size, number: int) -> Tensors:
    yield from _latent_attention(size)
    yield from _forward(size)


# ---------------------------------------------------------------------- facts

#: Of latent attention: the ranks of what is kept, and a head's numbers with and without a position.
LATENT = (256, 64, 128)


def _plain_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_head_count_kv(size.kv_heads)


def _gemma3_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_head_count_kv(size.kv_heads)
    writer.add_key_length(size.head)
    writer.add_value_length(size.head)
    writer.add_sliding_window(512)


def _mamba_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_ssm_conv_kernel(_CONV)
    writer.add_ssm_inner_size(2 * size.width)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(size.width // 16)


def _hybrid_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    writer.add_head_count_kv([size.kv_heads if _is_attending(n) else 0 for n in range(size.layers)])


def _lfm2_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    _hybrid_facts(writer, size)
    writer.add_shortconv_l_cache(3)


def _jamba_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    _hybrid_facts(writer, size)
    _mamba_facts(writer, size)


def _deepseek2_facts(writer: gguf.GGUFWriter, size: Size) -> None:
    rank, rope, nope = LATENT
    writer.add_head_count_kv(1)
    writer.add_q_lora_rank(rank)
    writer.add_kv_lora_rank(rank)
    writer.add_key_length(rank + rope)
    writer.add_value_length(rank)
    writer.add_key_length_mla(nope + rope)
    writer.add_value_length_mla(nope)
    writer.add_rope_dimension_count(rope)
    writer.add_leading_dense_block_count(size.layers)
    writer.add_expert_feed_forward_length(size.hidden)
    writer.add_expert_shared_count(1)
    writer.add_expert_weights_scale(1.0)


ARCHITECTURES = {
    "llama": (_plain_facts, _llama),
    "gemma3": (_gemma3_facts, _gemma3),
    "mamba": (_mamba_facts, lambda size, _: _mamba(size)),
    "lfm2": (_lfm2_facts, _lfm2),
    "jamba": (_jamba_facts, _jamba),
    "deepseek2": (_deepseek2_facts, _deepseek2),
}
