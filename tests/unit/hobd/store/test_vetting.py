"""What no model can be is found in its header, and models that are models pass."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hobd.store.gguf import read_header
from hobd.store.header import Array, Header
from hobd.store.vetting import Role, vet
from hypothesis import given
from hypothesis import strategies as st

from tests import headers
from tests.tiny_adapter import write_tiny_adapter
from tests.tiny_bert import write_tiny_bert
from tests.tiny_projector import write_tiny_projector
from tests.tiny_states import write_tiny_gemma, write_tiny_mamba

TOKENS = Array(length=100, element="text")


def header(**facts: Any) -> Header:
    """A sound one, with facts of its architecture changed, added, or taken away by None."""
    sound = headers.header()
    return changed(sound, {f"llama.{key}": value for key, value in facts.items()})


def changed(sound: Header, facts: dict[str, Any]) -> Header:
    merged = dict(sound.facts) | {"tokenizer.ggml.tokens": TOKENS} | facts
    return replace(sound, facts={key: value for key, value in merged.items() if value is not None})


def words(**facts: Any) -> Header:
    """The same with facts of the tokenizer."""
    return changed(headers.header(), {f"tokenizer.ggml.{key}": value for key, value in facts.items()})


def general(**facts: Any) -> Header:
    return changed(headers.header(), {f"general.{key}": value for key, value in facts.items()})


def texts(*values: int) -> Array:
    return Array(length=len(values), values=values, element="int32")


SERIOUS: dict[str, tuple[Header, str]] = {
    "no architecture": (general(architecture=None), "does not say its architecture"),
    "architecture that is no text": (general(architecture=7), "does not say its architecture"),
    "adapter": (general(type="adapter"), "an adapter, and no model"),
    "projector": (general(architecture="clip"), "a projector, and no model"),
    "no tensors": (replace(header(), tensors=()), "no tensors"),
    "split": (changed(headers.header(), {"split.count": 3}), "one of 3 files"),
    "no layers": (header(block_count=None), "does not say llama.block_count"),
    "too many layers": (header(block_count=513), "llama.block_count is 513, not from 1 to 512"),
    "layers that are no number": (header(block_count="4"), "llama.block_count is no whole number"),
    "true context": (header(context_length=True), "llama.context_length is no whole number"),
    "no context": (header(context_length=0), "llama.context_length is 0"),
    "negative heads": (header(**{"attention.head_count": -1}), "head_count is -1"),
    "heads of too few layers": (
        header(**{"attention.head_count": texts(1, 1)}),
        "attention.head_count has 2 entries for 4 layers",
    ),
    "more experts used than there are": (header(expert_used_count=2), "uses 2 of 0 experts"),
    "experts of which none is used": (header(expert_count=8), "uses 0 of 8 experts"),
    "too many experts": (header(expert_count=513, expert_used_count=1), "expert_count is 513"),
    "not a number": (header(**{"rope.freq_base": float("nan")}), "rope.freq_base is not a finite number"),
    "negative epsilon": (header(**{"attention.layer_norm_rms_epsilon": -1.0}), "epsilon is no positive"),
    "endless number": (header(**{"rope.freq_base": float("inf")}), "not a finite number"),
    "tokens that are no texts": (words(tokens=Array(length=100, element="int32")), "no list of texts"),
    "no tokens at all": (words(tokens=None, model="gpt2"), "names a tokenizer and has no tokens"),
    "no tokenizer": (words(model="none"), "has no tokenizer"),
    "an empty vocabulary": (words(tokens=Array(length=0, element="text")), "it has 0 tokens"),
    "too few scores": (words(scores=Array(length=99, element="float32")), "scores has 99 entries for 100"),
    "scores of another type": (words(scores=Array(length=100, element="int8")), "no list of float32"),
    "too few types": (words(token_type=Array(length=1, element="int32")), "token_type has 1 entries"),
    "types that are one number": (words(token_type=3), "token_type is no list of int32"),
    "numbers for merges": (
        words(merges=Array(length=1, element="int32")),
        "merges are no list of texts",
    ),
    "BERT without a beginning": (
        words(model="bert", bos_token_id=0xFFFF_FFFF),
        "bos_token_id names no token",
    ),
    "BERT without an end": (words(model="bert", bos_token_id=1), "seperator_token_id names no token"),
    "fewer rows than tokens": (words(tokens=Array(length=101, element="text")), "a row for each of 101"),
}


@pytest.mark.parametrize(("header_", "what"), SERIOUS.values(), ids=SERIOUS)
def test_what_no_model_can_be_is_serious(header_: Header, what: str) -> None:
    worst = vet(header_, "model")[0]
    assert worst.severity == "serious" and what in worst.text


@pytest.mark.parametrize(
    ("header_", "code"),
    [
        (header(**{"attention.head_count": 9, "attention.head_count_kv": 2}), "heads"),
        (words(bos_token_id=100), "special_token"),
        (changed(headers.header(), {"tokenizer.chat_template": "{{ x.__class__ }}"}), "template_internals"),
        (
            changed(headers.header(), {"tokenizer.chat_template.tool_use": "{{ x.__class__ }}"}),
            "template_internals",
        ),
    ],
    ids=["heads", "special token", "template", "second template"],
)
def test_what_no_honest_file_needs_is_suspicious(header_: Header, code: str) -> None:
    assert [(found.severity, found.code) for found in vet(header_, "model")] == [("suspicious", code)]


def test_bytes_behind_the_last_tensor_are_odd() -> None:
    found = vet(replace(header(), data_begin=0), "model")
    assert [(each.severity, each.code) for each in found] == [("odd", "more_than_tensors")]


def test_worst_is_told_first() -> None:
    found = vet(replace(words(bos_token_id=100), tensors=()), "model")
    assert [each.severity for each in found] == ["serious", "suspicious"]


def written(path: Path) -> Header:
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_header(fd, "m")
    finally:
        os.close(fd)


@pytest.mark.parametrize("write", [write_tiny_gemma, write_tiny_mamba, write_tiny_bert])
def test_models_of_many_kinds_pass(tmp_path: Path, write: Any) -> None:
    assert vet(written(write(tmp_path / "model.gguf")), "model") == ()


def test_starter_model_passes(starter_model: Path) -> None:
    assert vet(written(starter_model), "model") == ()


def test_adapters_and_projectors_pass_as_what_they_are_and_as_nothing_else(tmp_path: Path) -> None:
    adapter = written(write_tiny_adapter(tmp_path / "adapter.gguf"))
    projector = written(write_tiny_projector(tmp_path / "projector.gguf", "mlp"))
    roles: tuple[Role, ...] = ("model", "draft", "adapter", "projector")
    assert [role for role in roles if not vet(adapter, role)] == ["adapter"]
    assert [role for role in roles if not vet(projector, role)] == ["projector"]


values = st.one_of(
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(),
    st.booleans(),
    st.text(max_size=50),
    st.builds(
        Array,
        length=st.integers(0, 1 << 27),
        values=st.none() | st.tuples(st.integers(), st.floats()),
        element=st.sampled_from(["text", "int32", "float32", ""]),
    ),
)


@given(
    facts=st.dictionaries(
        st.sampled_from([*headers.header().facts, "tokenizer.ggml.scores", "llama.expert_count", "a\x1b"]),
        values,
    )
)
def test_whatever_facts_say_is_judged_in_printable_words(facts: dict[str, Any]) -> None:
    for finding in vet(changed(headers.header(), facts), "model"):
        assert finding.text.isprintable() and len(finding.text) < 300
