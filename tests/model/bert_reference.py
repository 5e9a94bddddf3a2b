"""BERT in NumPy, straight from the paper: what the vectors and scores of an encoder must be.

Must share nothing with the daemon or llama.cpp but the weights in the file. Called by model tests.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class BertReference:
    """Reads a GGUF file of architecture bert."""

    def __init__(self, path: Path) -> None:
        self._reader = gguf.GGUFReader(path)
        self._tensors = {t.name: t.data.astype(np.float32) for t in self._reader.tensors}

    @cached_property
    def _tokens(self) -> dict[str, int]:
        field = self._reader.get_field("tokenizer.ggml.tokens")
        assert field is not None
        return {token: id for id, token in enumerate(field.contents())}

    def vector(self, text: str, pooling: str = "mean") -> Array:
        """Of length 1."""
        states = self.states(self.tokenize(text))
        pooled = {"mean": states.mean(axis=0), "cls": states[0], "last": states[-1]}[pooling]
        return pooled / np.linalg.norm(pooled)

    def score(self, query: str, document: str) -> float:
        """By the head of a cross-encoder."""
        return self.score_of([*self.tokenize(query), *self.tokenize(document)[1:]])

    def score_of(self, ids: list[int]) -> float:
        first = self.states(ids)[0]
        hidden = np.tanh(first @ self._tensors["cls.weight"].T + self._tensors["cls.bias"])
        return float((hidden @ self._tensors["cls.output.weight"].T + self._tensors["cls.output.bias"])[0])

    def tokenize(self, text: str) -> list[int]:
        ids = [id for word in _words(text) for id in self._pieces(word)]
        return [self._tokens["[CLS]"], *ids, self._tokens["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        """The longest known piece, again and again; a word that has none is unknown as a whole."""
        ids, start, mark = [], 0, "\u2581"
        while start < len(word):
            known = (end for end in range(len(word), start, -1) if mark + word[start:end] in self._tokens)
            end = next(known, None)
            if end is None:
                return [self._tokens["[UNK]"]]
            ids.append(self._tokens[mark + word[start:end]])
            start, mark = end, ""
        return ids

    def states(self, ids: list[int]) -> Array:
        """The last layer's output for each token."""
        w = self._tensors
        states = (
            w["token_embd.weight"][ids] + w["position_embd.weight"][: len(ids)] + w["token_types.weight"][0]
        )
        states = self._norm(states, "token_embd_norm")
        for layer in range(self._number("block_count")):
            name = f"blk.{layer}"
            states = self._norm(states + self._attend(states, name), f"{name}.attn_output_norm")
            hidden = _gelu(self._linear(states, f"{name}.ffn_up"))
            states = self._norm(
                states + self._linear(hidden, f"{name}.ffn_down"), f"{name}.layer_output_norm"
            )
        return states

    def _attend(self, states: Array, name: str) -> Array:
        heads = self._number("attention.head_count")
        q, k, v = (
            self._linear(states, f"{name}.attn_{part}").reshape(len(states), heads, -1).transpose(1, 0, 2)
            for part in "qkv"
        )
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(len(states), -1)
        return self._linear(mixed, f"{name}.attn_output")

    def _linear(self, states: Array, name: str) -> Array:
        return states @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _norm(self, states: Array, name: str) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]

    def _number(self, key: str) -> int:
        field = self._reader.get_field(f"bert.{key}")
        assert field is not None
        return int(field.contents())


def _words(text: str) -> list[str]:
    """Lower case without accents; a punctuation mark is a word of its own."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    return re.findall(r"\w+|[^\w\s]", bare)


def _gelu(x: Array) -> Array:
    """With the error function itself, by Abramowitz and Stegun 7.1.26 (good to 1.5e-7)."""
    z = np.abs(x) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * z)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    erf = np.sign(x) * (1.0 - series * np.exp(-z * z))
    return (0.5 * x * (1.0 + erf)).astype(np.float32)
