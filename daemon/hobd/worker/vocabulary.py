"""A model's tokens: text to ids and back, which of them end an answer, which stand around a gap or a text.

Must only read llama.cpp's vocabulary, so any thread may ask. The base of llama_engine.py's engine and of
llama_embedder.py's.
"""

from __future__ import annotations

import ctypes
from functools import cached_property
from typing import Any

from hobd.worker.engine import Affixes, Control, Fim
from hobd.worker.llama import L

# A text as short as this is read in a moment.
_SHORT_CHARACTERS = 1 << 16


class Vocabulary:
    def __init__(self, vocab: Any) -> None:
        self._vocab = vocab
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self.fim = _fim(vocab)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        raw = text.encode("utf-8")
        room = len(raw) + 8
        tokens = (ctypes.c_int32 * room)()
        count = L.llama_tokenize(self._vocab, raw, len(raw), tokens, room, add_special, parse_special)
        if count < 0:
            tokens = (ctypes.c_int32 * -count)()
            count = L.llama_tokenize(self._vocab, raw, len(raw), tokens, -count, add_special, parse_special)
        return list(tokens[:count])

    def least_tokens(self, text: str) -> int:
        """By the length of the longest token. 0 for tokenizers that drop or replace what they read."""
        if len(text) < _SHORT_CHARACTERS or not self._longest_token:
            return 0
        return len(text.encode("utf-8")) // self._longest_token

    @cached_property
    def _longest_token(self) -> int:
        """In bytes as the file writes it, which is never less than what it stands for; 0: it says nothing."""
        reads_all = L.llama_vocab_type(self._vocab) in (L.LLAMA_VOCAB_TYPE_SPM, L.LLAMA_VOCAB_TYPE_BPE)
        if not reads_all or any(control.strips_left or control.strips_right for control in self.controls):
            return 0
        count = L.llama_vocab_n_tokens(self._vocab)
        return max((len(self.spelling(token)) for token in range(count)), default=0)

    def piece(self, token: int) -> bytes:
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = spell(self._vocab, token, special=False)
        return known

    def spelling(self, token: int) -> bytes:
        text: bytes | None = L.llama_vocab_get_text(self._vocab, token)
        return text or b""

    def is_end(self, token: int) -> bool:
        """Also where the model begins another gap: then it has filled this one."""
        known = self._ends.get(token)
        if known is None:
            is_marker = self.fim is not None and token in self.fim.markers
            known = self._ends[token] = is_marker or bool(L.llama_vocab_is_eog(self._vocab, token))
        return known

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        vocab, found = self._vocab, []
        for token in range(L.llama_vocab_n_tokens(vocab)):
            attributes = L.llama_vocab_get_attr(vocab, token)
            if attributes & (L.LLAMA_TOKEN_ATTR_CONTROL | L.LLAMA_TOKEN_ATTR_UNKNOWN):
                found.append(
                    Control(
                        text=(L.llama_vocab_get_text(vocab, token) or b"").decode("utf-8", "replace"),
                        token=token,
                        strips_left=bool(attributes & L.LLAMA_TOKEN_ATTR_LSTRIP),
                        strips_right=bool(attributes & L.LLAMA_TOKEN_ATTR_RSTRIP),
                    )
                )
        return tuple(found)

    @cached_property
    def affixes(self) -> Affixes:
        plain = self.tokenize("a", add_special=False, parse_special=False)
        whole = self.tokenize("a", add_special=True, parse_special=False)
        start = next((i for i in range(len(whole)) if whole[i : i + len(plain)] == plain), len(whole))
        suffix = whole[start + len(plain) :]
        has_both = L.llama_vocab_get_add_eos(self._vocab) and L.llama_vocab_get_add_sep(self._vocab)
        separator = int(L.llama_vocab_sep(self._vocab))
        between = [*suffix, separator] if has_both and separator >= 0 else suffix
        return Affixes(before=tuple(whole[:start]), between=tuple(between), after=tuple(suffix))

    def ranking_affixes(self, template: str) -> Affixes | None:
        """What a ranking model's own template puts around {query} and {document}; None if it has not both."""
        before, has_query, rest = template.partition("{query}")
        between, has_document, after = rest.partition("{document}")
        if not has_query or not has_document:
            return None
        return Affixes(before=self._markup(before), between=self._markup(between), after=self._markup(after))

    def _markup(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenize(text, add_special=False, parse_special=True)) if text else ()


def spell(vocab: Any, token: int, *, special: bool) -> bytes:
    """A token's bytes; `special`: those of control tokens too."""
    buffer = ctypes.create_string_buffer(64)
    length = L.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, special)
    if length < 0:
        buffer = ctypes.create_string_buffer(-length)
        length = L.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, special)
    return buffer.raw[:length]


def special_text(vocab: Any, token: int) -> str:
    """What a marker reads like; empty for a token that there is not."""
    return spell(vocab, token, special=True).decode("utf-8", "replace") if token >= 0 else ""


def _fim(vocab: Any) -> Fim | None:
    """None unless the model knows all three markers of a gap."""
    prefix, suffix, middle, repository, file = (
        int(of(vocab))
        for of in (
            L.llama_vocab_fim_pre,
            L.llama_vocab_fim_suf,
            L.llama_vocab_fim_mid,
            L.llama_vocab_fim_rep,
            L.llama_vocab_fim_sep,
        )
    )
    if min(prefix, suffix, middle) < 0:
        return None
    return Fim(
        prefix=prefix,
        suffix=suffix,
        middle=middle,
        repository=repository if repository >= 0 else None,
        file=file if file >= 0 else None,
    )
