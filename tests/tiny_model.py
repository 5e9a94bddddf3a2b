"""Writes random-weight llama models of half a megabyte, and files that only pretend to be a model.

Must never read the network, the clock or unseeded randomness: the same arguments give the same bytes.
Called by fixtures and by tests that need a real engine but no sensible answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Would run for longer than anybody waits.
ENDLESS_TEMPLATE = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    "{% endfor %}{% endfor %}{% endfor %}"
)
# The usual way out of a careless Jinja environment.
ESCAPING_TEMPLATE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"

END_OF_TEXT, TURN_START, TURN_END = 0, 1, 2
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# What stands around a gap. Only in models that are to know of gaps.
FIM_TOKENS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
# "Ġ" is how byte-level BPE writes a space. Each merge makes a token, so that words are not all single bytes.
MERGES = "t h|th e|Ġ the|i n|e r|a n|an d|Ġ and|o n|Ġ a|Ġ i|Ġ s|h e|l l".split("|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of the network; the vocabulary's size follows from the tokens above."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    hidden: int = 128
    idle_layers: int = 0  # beside those: they take time and change nothing

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads


def write_tiny_model(
    path: Path,
    *,
    seed: int = 0,
    context: int = 512,
    template: str | None = CHATML,
    shape: Shape = Shape(),
    printable: bool = True,
    ends: bool = False,
    knows_gaps: bool = False,
) -> Path:
    """A model that llama.cpp loads and that always says the same for a seed.

    `printable`: its likeliest token is always printable ASCII; otherwise any byte, so mostly broken UTF-8.
    `knows_gaps`: has the tokens of Qwen2.5-Coder for what is before, after and in a gap.
    `ends`: may say an end-of-generation token; otherwise its greedy answer goes on until it is stopped.
    """
    tokens = [*vocabulary_tokens(), *(FIM_TOKENS if knows_gaps else ())]
    writer = gguf.GGUFWriter(path, "llama")
    write_facts(writer, shape, context, template)
    write_vocabulary(writer, tokens)
    rows = weights(shape, tokens, np.random.default_rng(seed), printable=printable, ends=ends)
    return finish(writer, path, rows)


def finish(writer: gguf.GGUFWriter, path: Path, weights: Iterator[tuple[str, np.ndarray]]) -> Path:
    """Writes all of it to the file."""
    for name, tensor in weights:
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_truncated(path: Path) -> Path:
    """A model whose last third is missing: the header is whole, the tensors are not."""
    whole = write_tiny_model(path).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def write_not_gguf(path: Path) -> Path:
    """A file of a model's size that is something else."""
    path.write_bytes(b"PK\x03\x04" + b"\0" * 500_000)
    return path


def write_facts(writer: gguf.GGUFWriter, shape: Shape, context: int, template: str | None) -> None:
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers + shape.idle_layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_rope_freq_base(10_000.0)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    if template is not None:
        writer.add_chat_template(template)


def write_vocabulary(writer: gguf.GGUFWriter, tokens: list[str]) -> None:
    markers = (*SPECIAL_TOKENS, *FIM_TOKENS)
    kinds = [gguf.TokenType.CONTROL if token in markers else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_vocab_size(len(tokens))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(TURN_START)
    writer.add_eos_token_id(TURN_END)
    writer.add_eot_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)


def vocabulary_tokens() -> Iterator[str]:
    yield from SPECIAL_TOKENS
    yield from (_byte_token(byte) for byte in range(256))
    yield from (merge.replace(" ", "") for merge in MERGES)


def _byte_token(byte: int) -> str:
    """GPT-2's spelling of a byte: itself if it shows on paper, else a letter from U+0100 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    if byte in shown:
        return chr(byte)
    return chr(0x100 + [other for other in range(256) if other not in shown].index(byte))


def weights(
    shape: Shape, tokens: list[str], rng: np.random.Generator, *, printable: bool, ends: bool
) -> Iterator[tuple[str, np.ndarray]]:
    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.normal(0.0, columns**-0.5, (rows, columns)).astype(np.float32)

    def zeros(rows: int, columns: int) -> np.ndarray:
        return np.zeros((rows, columns), np.float32)

    norm = np.ones(shape.width, np.float32)
    yield "token_embd.weight", matrix(len(tokens), shape.width)
    for layer in range(shape.layers + shape.idle_layers):
        weight = matrix if layer < shape.layers else zeros
        yield f"blk.{layer}.attn_norm.weight", norm
        yield f"blk.{layer}.attn_q.weight", weight(shape.width, shape.width)
        yield f"blk.{layer}.attn_k.weight", weight(shape.kv_width, shape.width)
        yield f"blk.{layer}.attn_v.weight", weight(shape.kv_width, shape.width)
        yield f"blk.{layer}.attn_output.weight", weight(shape.width, shape.width)
        yield f"blk.{layer}.ffn_norm.weight", norm
        yield f"blk.{layer}.ffn_gate.weight", weight(shape.hidden, shape.width)
        yield f"blk.{layer}.ffn_up.weight", weight(shape.hidden, shape.width)
        yield f"blk.{layer}.ffn_down.weight", weight(shape.width, shape.hidden)
    yield "output_norm.weight", norm
    output = matrix(len(tokens), shape.width)
    # A row of zeros gives a logit of zero, which is never the greatest of three hundred random ones.
    output[[not may_say(token, printable=printable, ends=ends) for token in tokens]] = 0.0
    yield "output.weight", output


def may_say(token: str, *, printable: bool, ends: bool) -> bool:
    if token in FIM_TOKENS:
        return False
    if token in SPECIAL_TOKENS:
        return ends and token != SPECIAL_TOKENS[TURN_START]
    return not printable or all(character == "Ġ" or " " < character < "\x7f" for character in token)
