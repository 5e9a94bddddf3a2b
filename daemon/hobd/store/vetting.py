"""Says what is wrong with a model file's header, before native code sees a byte of it.

Must stay pure: it judges values that gguf.py has read, whose bounds are checked there (counts, lengths,
shapes, types, places in the file). Here it is whether they make sense together, and above all whether
llama.cpp, which believes some of them, would read or divide where it must not. Called by
broker/admission.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Literal

from hobd.store.finding import Finding, Severity, shown
from hobd.store.header import Array, Header
from hobd.store.template_scan import scan_template

Role = Literal["model", "draft", "adapter", "projector"]

#: llama.cpp keeps what differs by layer in tables of this size, and experts too; it aborts beyond.
MAX_LAYERS = 512
MAX_EXPERTS = 512
MAX_VOCABULARY = 1 << 21
_MOST_FINDINGS = 32
_TEMPLATE = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_NO_TOKENIZER = ("none", "no_vocab")
#: Arrays that llama.cpp indexes by token, and what it takes their elements for without asking.
_BESIDE_TOKENS = {"tokenizer.ggml.scores": "float32", "tokenizer.ggml.token_type": "int32"}
#: What llama.cpp's tokenizer for BERT aborts without, and which token it takes where a file says nothing.
_BERT_NEEDS = {"tokenizer.ggml.bos_token_id": 101, "tokenizer.ggml.seperator_token_id": 102}
#: Counts by their last words: from, to, and whether a file without it cannot be a model.
_COUNTS = {
    "context_length": (1, 1 << 30, True),
    "embedding_length": (1, 1 << 20, True),
    "block_count": (1, MAX_LAYERS, True),
    "feed_forward_length": (0, 1 << 24, False),
    "attention.head_count": (0, 1 << 16, False),
    "attention.head_count_kv": (0, 1 << 16, False),
    "attention.key_length": (0, 1 << 16, False),
    "attention.value_length": (0, 1 << 16, False),
    "rope.dimension_count": (0, 1 << 16, False),
    "expert_count": (0, MAX_EXPERTS, False),
    "expert_used_count": (0, MAX_EXPERTS, False),
    "attention.sliding_window": (0, 1 << 30, False),
}


def vet(header: Header, role: Role) -> tuple[Finding, ...]:
    """What is wrong, the worst first; nothing that is there more than once is told often."""
    found = list(islice(_all(header, role), _MOST_FINDINGS))
    return tuple(sorted(found, key=lambda finding: ("serious", "suspicious", "odd").index(finding.severity)))


def _all(header: Header, role: Role) -> Iterator[Finding]:
    yield from _kind(header, role)
    yield from _numbers(header)
    yield from _rest(header)
    if role in ("model", "draft"):
        yield from _counts(header)
        yield from _heads(header)
        yield from _experts(header)
        yield from _vocabulary(header)
    for key, value in header.facts.items():
        if key.startswith(_TEMPLATE) and isinstance(value, str):
            yield from scan_template(value)


# ------------------------------------------------------------------ what it is


def _kind(header: Header, role: Role) -> Iterator[Finding]:
    architecture, kind = header.facts.get("general.architecture"), header.text("general.type")
    if not isinstance(architecture, str) or not architecture:
        yield _finding("serious", "architecture", "it does not say its architecture")
        return
    if not header.tensors:
        yield _finding("serious", "no_tensors", "it has no tensors")
    if (count := header.number("split.count")) > 1:
        yield _finding("serious", "split", f"it is one of {count} files of a model; merge them into one")
    is_adapter, is_projector = kind == "adapter", architecture == "clip"
    if role == "adapter" and not is_adapter:
        yield _finding("serious", "role", "it is no adapter (general.type does not say so)")
    if role == "projector" and not is_projector:
        yield _finding("serious", "role", f"it is no projector (its architecture is {shown(architecture)})")
    if role in ("model", "draft") and (is_adapter or is_projector):
        what = "an adapter" if is_adapter else "a projector"
        yield _finding("serious", "role", f"it is {what}, and no model by itself")


def _numbers(header: Header) -> Iterator[Finding]:
    for key, value in header.facts.items():
        values = value.values or () if isinstance(value, Array) else (value,)
        if any(isinstance(each, float) and not math.isfinite(each) for each in values):
            yield _finding("serious", "not_a_number", f"{shown(key)} is not a finite number")
            return
        if key.endswith("epsilon") and not (isinstance(value, float) and value >= 0):
            yield _finding("serious", "epsilon", f"{shown(key)} is no positive number")
            return


def _rest(header: Header) -> Iterator[Finding]:
    """What lies behind the last tensor belongs to nothing that is a model."""
    if header.data_begin is None:
        return
    end = max((tensor.offset + tensor.num_bytes for tensor in header.tensors), default=0)
    rest = header.file_bytes - header.data_begin - end
    if rest > 1 << 16:
        yield _finding("odd", "more_than_tensors", f"{rest} bytes behind its last tensor belong to nothing")


# ------------------------------------------------------------------ sizes


def _counts(header: Header) -> Iterator[Finding]:
    for words, (least, most, is_required) in _COUNTS.items():
        key = f"{header.architecture}.{words}"
        value = header.facts.get(key)
        if value is None:
            if is_required:
                yield _finding("serious", "missing", f"it does not say {shown(key)}")
            continue
        values = value.values if isinstance(value, Array) else (value,)
        if values is None or len(values) > MAX_LAYERS:
            yield _finding("serious", "count", f"{shown(key)} has more entries than {MAX_LAYERS} layers")
            continue
        numbers = [each for each in values if isinstance(each, int) and not isinstance(each, bool)]
        if len(numbers) < len(values):
            yield _finding("serious", "count", f"{shown(key)} is no whole number")
        elif wrong := [each for each in numbers if not least <= each <= most]:
            yield _finding("serious", "count", f"{shown(key)} is {wrong[0]}, not from {least} to {most}")


def _heads(header: Header) -> Iterator[Finding]:
    """Heads share keys evenly; where layers say something of their own, all of them do."""
    name = f"{header.architecture}.attention.head_count"
    heads, shared = header.facts.get(name), header.facts.get(f"{name}_kv")
    if type(heads) is int and type(shared) is int and heads > 0 and shared > 0 and heads % shared:
        yield _finding("suspicious", "heads", f"{heads} heads cannot share {shared} for keys and values")
    layers = header.number(f"{header.architecture}.block_count")
    for key in (name, f"{name}_kv", f"{header.architecture}.feed_forward_length"):
        value = header.facts.get(key)
        if isinstance(value, Array) and value.length < layers:
            yield _finding(
                "serious", "layers", f"{shown(key)} has {value.length} entries for {layers} layers"
            )


def _experts(header: Header) -> Iterator[Finding]:
    count = header.number(f"{header.architecture}.expert_count")
    used = header.number(f"{header.architecture}.expert_used_count")
    if used > count or (count > 0 and used == 0):
        yield _finding("serious", "experts", f"it uses {used} of {count} experts, which cannot be")


# ------------------------------------------------------------------ words


def _vocabulary(header: Header) -> Iterator[Finding]:
    tokens, tokenizer = header.facts.get(_TOKENS), header.text("tokenizer.ggml.model")
    if tokenizer in _NO_TOKENIZER:
        yield _finding("serious", "vocabulary", "it has no tokenizer, so that nobody could ask it anything")
        return
    if tokens is None:  # llama.cpp has the last word
        if tokenizer:
            yield _finding("serious", "vocabulary", "it names a tokenizer and has no tokens")
        return
    if not isinstance(tokens, Array) or tokens.element != "text":
        yield _finding("serious", "vocabulary", "its tokens are no list of texts")
        return
    if not 1 <= tokens.length <= MAX_VOCABULARY:
        text = f"it has {tokens.length} tokens, not from 1 to {MAX_VOCABULARY}"
        yield _finding("serious", "vocabulary", text)
    yield from _beside_tokens(header, tokens.length)
    yield from _special_tokens(header, tokens.length)
    yield from _embedding(header, tokens.length)


def _beside_tokens(header: Header, count: int) -> Iterator[Finding]:
    for key, element in _BESIDE_TOKENS.items():
        value = header.facts.get(key)
        if value is None:
            continue
        if not isinstance(value, Array) or value.element != element:
            yield _finding("serious", "vocabulary", f"{key} is no list of {element}")
        elif value.length != count:
            yield _finding("serious", "vocabulary", f"{key} has {value.length} entries for {count} tokens")
    merges = header.facts.get("tokenizer.ggml.merges")
    if merges is not None and not (isinstance(merges, Array) and merges.element == "text"):
        yield _finding("serious", "vocabulary", "its merges are no list of texts")


def _special_tokens(header: Header, count: int) -> Iterator[Finding]:
    if header.text("tokenizer.ggml.model") == "bert":
        for key, default in _BERT_NEEDS.items():
            if header.number(key, default) >= count:
                yield _finding(
                    "serious", "special_token", f"{key} names no token, and BERT's tokenizer needs one"
                )
                return
    for key, value in header.facts.items():
        if not key.startswith("tokenizer.ggml.") or not key.endswith("_token_id"):
            continue
        is_known = type(value) is int and (0 <= value < count or value in (-1, 0xFFFF_FFFF))  # none
        if not is_known:
            yield _finding("suspicious", "special_token", f"{shown(key)} names none of its {count} tokens")
            return


def _embedding(header: Header, count: int) -> Iterator[Finding]:
    table = next((tensor for tensor in header.tensors if tensor.name == "token_embd.weight"), None)
    width = header.number(f"{header.architecture}.embedding_length")
    if table is not None and table.shape[1:2] != (count,):
        yield _finding("serious", "embedding", f"token_embd.weight has not a row for each of {count} tokens")
    elif table is not None and width and table.shape[0] != width:
        yield _finding("suspicious", "embedding", f"rows of token_embd.weight are not {width} numbers long")


def _finding(severity: Severity, code: str, text: str) -> Finding:
    return Finding(severity=severity, code=code, text=text)
