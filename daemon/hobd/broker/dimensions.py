"""What a header says of a network's sizes: for each layer, what it weighs and what it keeps of a token.

Must stay pure, and believe tensors before facts: what is in the file is what will be loaded. A header
that makes no sense gives numbers that make none, never an exception. Used by estimate.py and fit.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hobd.store.header import Array, Header, Tensor

_LAYER = re.compile(r"blk\.(\d{1,4})\.(.+)")
_MAX_LAYERS = 512  # so does llama.cpp
#: Their states are of a fixed size, whatever the length of a text.
_RECURRENT = ("ssm_", "shortconv.", "time_mix_")
#: llama.cpp gives these no memory of tokens: they see all of a text at once.
_MEMORYLESS = frozenset(
    "bert jina-bert-v2 jina-bert-v3 nomic-bert nomic-bert-moe neo-bert eurobert modern-bert "
    "gemma-embedding dream llada llada-moe rnd1".split()
)
_TOKEN_SHIFTS = {"rwkv7": 2, "arwkv7": 1, "rwkv6": 2, "rwkv6qwen2": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One block of the network."""

    weights_bytes: int = 0
    key_width: int = 0  # numbers kept of each token
    value_width: int = 0
    state_size: int = 0  # numbers kept of each sequence, in F32
    query_width: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """A network's sizes."""

    architecture: str
    layers: tuple[Layer, ...] = field(repr=False)
    input_bytes: int  # of the weights that read tokens, and of those that belong to no layer
    output_bytes: int  # of those that say tokens
    is_tied: bool  # the same tensor does both
    width: int
    hidden: int  # of a forward block, or of one expert's
    experts_used: int
    inner: int  # of a recurrent block
    vocabulary: int
    num_merges: int
    trained_tokens: int
    window: int  # tokens that layers with a sliding window look back; 0 where none has one
    latent: int  # numbers of a head while attention works on latent keys; 0 where it does not
    heads: int
    has_memory: bool  # of tokens; else texts are read whole, into vectors
    is_causal: bool
    makes_vectors: bool

    @property
    def is_recurrent(self) -> bool:
        return any(layer.state_size for layer in self.layers)

    @property
    def weights_bytes(self) -> int:
        return self.input_bytes + self.output_bytes + sum(layer.weights_bytes for layer in self.layers)


def dimensions(header: Header) -> Dimensions:
    """The sizes that a header tells of."""
    facts = _Facts(header)
    by_layer, outside = _sorted_tensors(header)
    output = sum(t.num_bytes for t in outside if t.name.startswith("output."))
    memory = facts.architecture not in _MEMORYLESS
    num_layers = min(facts["block_count"] or len(by_layer), _MAX_LAYERS)
    return Dimensions(
        architecture=facts.architecture,
        layers=tuple(_layer(facts, number, by_layer.get(number, {})) for number in range(num_layers)),
        input_bytes=sum(t.num_bytes for t in outside) - output,
        output_bytes=output,
        is_tied=not output and memory,
        width=facts["embedding_length"],
        hidden=_hidden(facts) if any("ffn_" in tensor.name for tensor in header.tensors) else 0,
        experts_used=facts["expert_used_count"] if facts["expert_count"] else 0,
        inner=max(facts["ssm.inner_size"], 2 * facts["embedding_length"] if facts["wkv.head_size"] else 0),
        vocabulary=facts["vocab_size"] or header.length("tokenizer.ggml.tokens"),
        num_merges=header.length("tokenizer.ggml.merges"),
        trained_tokens=facts["context_length"],
        window=facts["attention.sliding_window"],
        latent=_latent(facts),
        heads=facts["attention.head_count"],
        has_memory=memory,
        is_causal=facts.get("attention.causal") is not False,
        makes_vectors=not memory or facts["pooling_type"] > 0,
    )


class _Facts:
    """The facts that are the architecture's own."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.architecture = header.architecture

    def __getitem__(self, key: str) -> int:
        return min(self.header.number(f"{self.architecture}.{key}"), 1 << 31)

    def get(self, key: str) -> object:
        return self.header.facts.get(f"{self.architecture}.{key}")

    def of_layer(self, key: str, number: int) -> int:
        """A fact that may be one for all layers, or one for each."""
        value = self.get(key)
        if isinstance(value, Array) and value.values is not None:
            found = value.values[number] if number < len(value.values) else 0
            return found if isinstance(found, int) and 0 <= found < 1 << 31 else 0
        return self[key]


def _sorted_tensors(header: Header) -> tuple[dict[int, dict[str, Tensor]], list[Tensor]]:
    """Those of each layer by their name inside it, and the others."""
    by_layer: dict[int, dict[str, Tensor]] = {}
    outside: list[Tensor] = []
    for tensor in header.tensors:
        if match := _LAYER.fullmatch(tensor.name):
            by_layer.setdefault(int(match[1]), {})[match[2]] = tensor
        else:
            outside.append(tensor)
    return by_layer, outside


def _layer(facts: _Facts, number: int, tensors: dict[str, Tensor]) -> Layer:
    key, value = _kept(facts, number, tensors)
    is_recurrent = any(name.startswith(_RECURRENT) for name in tensors)
    return Layer(
        weights_bytes=sum(tensor.num_bytes for tensor in tensors.values()),
        key_width=key,
        value_width=value,
        state_size=_state(facts) if is_recurrent else 0,
        query_width=_rows(tensors, ("attn_q.weight", "attn_q_b.weight")) or facts["embedding_length"],
    )


def _kept(facts: _Facts, number: int, tensors: dict[str, Tensor]) -> tuple[int, int]:
    """What a layer keeps of each token: numbers of its key, and of its value."""
    trunk = facts["block_count"] - facts["nextn_predict_layers"]
    own = trunk - facts["attention.shared_kv_layers"]  # later ones look at what earlier ones kept
    if facts.architecture in _MEMORYLESS or number >= max(own, 1):
        return 0, 0
    if latent := tensors.get("attn_kv_a_mqa.weight"):
        if facts["attention.key_length_mla"]:
            return latent.shape[-1], 0  # the value is a part of the key
        return _of_heads(facts, number)
    if "attn_k.weight" in tensors:
        key = _rows(tensors, ("attn_k.weight",))
        return key, _rows(tensors, ("attn_v.weight",)) or key
    return _of_heads(facts, number) if "attn_qkv.weight" in tensors else (0, 0)


def _of_heads(facts: _Facts, number: int) -> tuple[int, int]:
    heads = facts.of_layer("attention.head_count", number)
    told = facts.get("attention.head_count_kv") is not None
    kept = facts.of_layer("attention.head_count_kv", number) if told else heads
    usual = facts["embedding_length"] // heads if heads else 0
    key = facts["attention.key_length"] or usual
    return kept * key, kept * (facts["attention.value_length"] or usual)


def _hidden(facts: _Facts) -> int:
    return facts["expert_feed_forward_length"] or facts["feed_forward_length"]


def _rows(tensors: dict[str, Tensor], names: Sequence[str]) -> int:
    """How many numbers come out of the first of these that there is."""
    return next((tensors[name].shape[-1] for name in names if name in tensors), 0)


def _state(facts: _Facts) -> int:
    """Numbers that a recurrent layer keeps of a sequence: what it saw last, and what became of the rest."""
    width = facts["embedding_length"]
    if head := facts["wkv.head_size"]:
        shifts = facts["token_shift_count"] or _TOKEN_SHIFTS.get(facts.architecture, 2)
        return shifts * width + head * width
    if seen := facts["shortconv.l_cache"]:
        return width * (seen - 1)
    if head := facts["kda.head_dim"]:
        inner = facts["attention.head_count"] * head
        return 3 * max(facts["ssm.conv_kernel"] - 1, 0) * inner + head * inner
    inner, state = facts["ssm.inner_size"], facts["ssm.state_size"]
    seen = max(facts["ssm.conv_kernel"] - 1, 0) * (inner + 2 * facts["ssm.group_count"] * state)
    return seen + state * inner


def _latent(facts: _Facts) -> int:
    """While it attends, a head has its query, the same against latent keys, and what it found."""
    if not facts["attention.kv_lora_rank"]:
        return 0
    kept = facts["attention.kv_lora_rank"] + facts["rope.dimension_count"]
    return 2 * kept + facts["attention.key_length_mla"]
