"""Writes a BERT-like encoder as GGUF, from tensors under the names they were trained with.

Must do no I/O but the one file it writes. Called by embedding.py, and by tests for a tiny random one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Tensors = Mapping[str, Array]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# What starts a word has this before it in a GGUF vocabulary; the training's had "##" before what does not.
_WORD_START = "\u2581"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of the network, by the names of its configuration file."""

    num_hidden_layers: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float


def write_bert(
    path: Path,
    *,
    name: str,
    shape: Shape,
    vocabulary: Sequence[str],
    tensors: Tensors,
    pooling: gguf.PoolingType = gguf.PoolingType.MEAN,
    ranking_template: str | None = None,
    is_half: bool = True,
) -> None:
    """`is_half`: matrices in F16; what is added or multiplied elementwise stays F32."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if is_half else gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(shape.max_position_embeddings)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_block_count(shape.num_hidden_layers)
    writer.add_head_count(shape.num_attention_heads)
    writer.add_layer_norm_eps(shape.layer_norm_eps)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    if ranking_template is not None:
        writer.add_chat_template([{"name": "rerank", "template": ranking_template}])
    _write_vocabulary(writer, vocabulary, shape.type_vocab_size)
    for tensor_name, tensor in _renamed(tensors, shape.num_hidden_layers):
        writer.add_tensor(
            tensor_name, tensor.astype(np.float16) if is_half and _is_matrix(tensor_name) else tensor
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(writer: gguf.GGUFWriter, vocabulary: Sequence[str], num_types: int) -> None:
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in vocabulary]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_vocab_size(len(vocabulary))
    writer.add_token_list([_spelled(token) for token in vocabulary])
    writer.add_token_types(kinds)
    writer.add_token_type_count(num_types)
    pad, unknown, begin, separator, mask = (vocabulary.index(token) for token in SPECIAL)
    writer.add_pad_token_id(pad)
    writer.add_unk_token_id(unknown)
    writer.add_bos_token_id(begin)
    writer.add_sep_token_id(separator)
    writer.add_mask_token_id(mask)


def _spelled(token: str) -> str:
    if token in SPECIAL:
        return token
    return token[2:] if token.startswith("##") else _WORD_START + token


def _renamed(tensors: Tensors, num_layers: int) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, num_layers)
    for name, tensor in tensors.items():
        # The pooler was trained for another task; position_ids are only counting.
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        told = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if told is None:
            raise ValueError(f"a BERT has no tensor called {name}")
        yield told, tensor


def _is_matrix(name: str) -> bool:
    """Whether a tensor is multiplied as a matrix, or looked up in one of many rows."""
    return (
        name.endswith(".weight")
        and "norm" not in name
        and name not in ("position_embd.weight", "token_types.weight")
    )
