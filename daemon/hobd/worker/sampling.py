"""Chooses tokens from logits: llama.cpp's samplers truncate and reshape, a keyed draw decides.

Must keep no random state: the draw for token n depends on (seed, n) alone, so a sequence that is
preempted, moved or resumed goes on as it would have. Exceptions, being stateful inside llama.cpp:
XTC and mirostat. Made by llama_engine.py, used by the loop's thread only.
"""

from __future__ import annotations

import ctypes
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hobd.wire.messages import Logprob, Sampling
from hobd.worker.llama import L

Row = npt.NDArray[np.float32]
_CANDIDATE = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])


def is_greedy(sampling: Sampling) -> bool:
    """Whether the likeliest token is all that is asked for, so that no sampler need run."""
    return sampling.temperature <= 0 and not _reshapes(sampling)


def _reshapes(s: Sampling) -> bool:
    has_penalties = s.repeat_penalty != 1 or s.frequency_penalty != 0 or s.presence_penalty != 0
    return bool(s.logit_bias) or has_penalties or s.dry_multiplier > 0


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments: 53 bits of BLAKE2b(seed, position)."""
    digest = hashlib.blake2b(struct.pack("<QQ", seed & (1 << 64) - 1, position), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / (1 << 53)


class ChainSampler:
    """One sequence's sampler chain. `rows` gives the logits of the last decode, shape (n, vocabulary)."""

    def __init__(
        self,
        sampling: Sampling,
        prompt: Sequence[int],
        *,
        vocab: Any,
        context_tokens: int,
        rows: Callable[[], Row],
    ) -> None:
        self._sampling = sampling
        self._rows = rows
        size = int(L.llama_vocab_n_tokens(vocab))
        self._candidates = np.zeros(size, _CANDIDATE)
        self._ids = np.arange(size, dtype=np.int32)
        self._array = L.llama_token_data_array()
        self._chain = _build_chain(sampling, vocab, size, context_tokens)
        self._remembers = _remembered_tokens(sampling, context_tokens)
        if self._remembers:
            for token in prompt[-self._remembers :]:
                self.accept(token)

    def draw(self, row: int, position: int) -> int:
        left = self._apply(self._rows()[row])
        if self._array.selected >= 0:  # mirostat chooses by itself
            return int(left["id"][self._array.selected])
        if self._sampling.temperature <= 0:
            return int(left["id"][left["logit"].argmax()])
        logits = left["logit"].astype(np.float64)
        weights = np.exp(logits - logits.max())
        edges = weights.cumsum()
        target = uniform(self._sampling.seed, position) * edges[-1]
        return int(left["id"][min(int(edges.searchsorted(target, "right")), len(edges) - 1)])

    def accept(self, token: int) -> None:
        if self._remembers:
            L.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        if self._chain:
            L.llama_sampler_free(self._chain)
            self._chain = None

    def _apply(self, logits: Row) -> npt.NDArray[np.void]:
        """What the chain leaves of all tokens, with their reshaped logits."""
        candidates, array = self._candidates, self._array
        candidates["id"] = self._ids
        candidates["logit"] = logits
        array.data = ctypes.cast(candidates.ctypes.data, L.llama_token_data_p)
        array.size = len(candidates)
        array.selected = -1
        array.sorted = False
        L.llama_sampler_apply(self._chain, ctypes.byref(array))
        offset = (ctypes.addressof(array.data.contents) - candidates.ctypes.data) // _CANDIDATE.itemsize
        return candidates[offset : offset + array.size]


def logprob_of(logits: Row, token: int, num_top: int, piece: Callable[[int], bytes]) -> Logprob:
    """log softmax(logits)[token], natural logarithm, and that of the `num_top` likeliest tokens."""
    peak = float(logits.max())
    log_sum = peak + float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))
    top = []
    if num_top:
        best = np.argpartition(logits, -num_top)[-num_top:]
        best = best[np.argsort(-logits[best], kind="stable")]
        top = [(int(t), piece(int(t)), float(logits[t]) - log_sum) for t in best]
    return Logprob(token, piece(token), float(logits[token]) - log_sum, top)


def _remembered_tokens(s: Sampling, context_tokens: int) -> int:
    """How many past tokens the chain's penalties look back on."""
    remembered = 0
    if s.repeat_penalty != 1 or s.frequency_penalty != 0 or s.presence_penalty != 0:
        remembered = s.penalty_last_n
    if s.dry_multiplier > 0:
        remembered = max(remembered, context_tokens if s.dry_penalty_last_n < 0 else s.dry_penalty_last_n)
    return remembered


def _build_chain(s: Sampling, vocab: Any, size: int, context_tokens: int) -> Any:
    """In llama.cpp's customary order: bias, penalties, DRY, truncation, temperature."""
    chain = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())

    def add(sampler: Any) -> None:
        L.llama_sampler_chain_add(chain, sampler)

    if s.logit_bias:
        biases = (L.llama_logit_bias * len(s.logit_bias))(
            *(L.llama_logit_bias(t, b) for t, b in s.logit_bias)
        )
        add(L.llama_sampler_init_logit_bias(size, len(s.logit_bias), biases))
    if s.repeat_penalty != 1 or s.frequency_penalty != 0 or s.presence_penalty != 0:
        add(
            L.llama_sampler_init_penalties(
                size, s.penalty_last_n, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
            )
        )
    if s.dry_multiplier > 0:
        add(_dry(s, vocab, context_tokens))
    if s.temperature > 0:
        if s.mirostat_version:
            _add_mirostat(s, size, add)
        else:
            _add_truncation(s, add)
    return chain


def _dry(s: Sampling, vocab: Any, context_tokens: int) -> Any:
    breakers = [text.encode() for text in s.dry_sequence_breakers]
    array = (ctypes.c_char_p * len(breakers))(*breakers)
    last_n = context_tokens if s.dry_penalty_last_n < 0 else s.dry_penalty_last_n
    return L.llama_sampler_init_dry(
        vocab, s.dry_multiplier, s.dry_base, s.dry_allowed_length, last_n, array, len(breakers)
    )


def _add_mirostat(s: Sampling, size: int, add: Callable[[Any], None]) -> None:
    seed = s.seed & 0xFFFFFFFF
    add(L.llama_sampler_init_temp(s.temperature))
    if s.mirostat_version == 1:
        add(L.llama_sampler_init_mirostat(size, seed, s.mirostat_tau, s.mirostat_eta, 100))
    else:
        add(L.llama_sampler_init_mirostat_v2(seed, s.mirostat_tau, s.mirostat_eta))


def _add_truncation(s: Sampling, add: Callable[[Any], None]) -> None:
    if s.top_n_sigma > 0:
        add(L.llama_sampler_init_top_n_sigma(s.top_n_sigma))
    if s.top_k > 0:
        add(L.llama_sampler_init_top_k(s.top_k))
    if s.typical_p < 1:
        add(L.llama_sampler_init_typical(s.typical_p, 1))
    if s.top_p < 1:
        add(L.llama_sampler_init_top_p(s.top_p, 1))
    if s.min_p > 0:
        add(L.llama_sampler_init_min_p(s.min_p, 1))
    if s.xtc_probability > 0:
        add(L.llama_sampler_init_xtc(s.xtc_probability, s.xtc_threshold, 1, s.seed & 0xFFFFFFFF))
    if s.dynatemp_range > 0:
        add(L.llama_sampler_init_temp_ext(s.temperature, s.dynatemp_range, s.dynatemp_exponent))
    elif s.temperature != 1:
        add(L.llama_sampler_init_temp(s.temperature))
