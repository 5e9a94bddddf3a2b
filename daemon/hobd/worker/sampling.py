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
Ids = npt.NDArray[np.int64]
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

    fault = ""  # there is nothing that it cannot do

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
        return self.choose(self._rows()[row], position)

    def choose(self, logits: Row, position: int, among: Ids | None = None) -> int:
        """The token for these logits; only those `among`, if given, are candidates."""
        left = self._apply(logits, among)
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

    def _apply(self, logits: Row, among: Ids | None) -> npt.NDArray[np.void]:
        """What the chain leaves of the candidates, with their reshaped logits."""
        array = self._array
        # Fewer candidates, and not all with some at minus infinity: of those, samplers make NaN.
        candidates = self._candidates if among is None else self._candidates[: len(among)]
        candidates["id"] = self._ids if among is None else among
        candidates["logit"] = logits if among is None else logits[among]
        array.data = ctypes.cast(candidates.ctypes.data, L.llama_token_data_p)
        array.size = len(candidates)
        array.selected = -1
        array.sorted = False
        L.llama_sampler_apply(self._chain, ctypes.byref(array))
        offset = (ctypes.addressof(array.data.contents) - candidates.ctypes.data) // _CANDIDATE.itemsize
        return candidates[offset : offset + array.size]


class ConstrainedSampler:
    """Lets a chain, or greed where there is none, choose among the tokens that a grammar allows.

    `matcher` is an LLMatcher, which knows how far into the grammar the answer is. When the grammar is
    complete it allows the ends of generation alone, of which `end` is one. Where a logit bias bans all that
    the grammar allows, the grammar wins.
    """

    def __init__(
        self,
        matcher: Any,
        chain: ChainSampler | None,
        sampling: Sampling,
        *,
        size: int,
        end: int,
        rows: Callable[[], Row],
    ) -> None:
        self._matcher = matcher
        self._chain = chain
        self._size = size
        self._end = end
        self._rows = rows
        self._mask = np.zeros(-(-size // 32) * 4, np.uint8)
        self._banned = [token for token, bias in sampling.logit_bias if bias == -np.inf]
        self.fault = ""

    def draw(self, row: int, position: int) -> int:
        allowed = self._allowed()
        if self._matcher.is_stopped():
            return self._stop()
        if len(allowed) == 1:
            return int(allowed[0])
        logits = self._rows()[row]
        if self._chain is None:
            return int(allowed[logits[allowed].argmax()])
        if self._banned:
            left = allowed[~np.isin(allowed, self._banned)]
            if len(left) == 0:
                return int(allowed[logits[allowed].argmax()])
            allowed = left
        return self._chain.choose(logits, position, allowed)

    def accept(self, token: int) -> None:
        self._matcher.consume_token(token)
        if self._chain is not None:
            self._chain.accept(token)

    def close(self) -> None:
        self._matcher = None
        if self._chain is not None:
            self._chain.close()

    def _allowed(self) -> Ids:
        """The tokens that may come next. May stop the matcher, when a limit of its own is reached."""
        if not self._matcher.is_stopped():
            self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        return np.flatnonzero(np.unpackbits(self._mask, count=self._size, bitorder="little").view(np.bool_))

    def _stop(self) -> int:
        """Nothing may follow: the grammar is complete, was ended before, or cannot go on."""
        if self._matcher.is_error():
            self.fault = "the response_format has become too ambiguous or complex to go on; simplify it"
        return self._end


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
