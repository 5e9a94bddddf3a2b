"""A model's whole vocabulary, read once: what each token adds to a text, and which tokens are no text.

Must read and remember, no more: who asks for one token asks the engine. Called by llama_engine.py when the
first constraint comes.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lexicon:
    """`tokens` by number: the bytes that text gets, or for the `special` ones the name."""

    tokens: list[bytes]
    special: list[int]
    ends: list[int]  # with each of these the model says that it is done


def read_lexicon(vocab: Any) -> Lexicon:
    """All tokens of a llama.cpp vocabulary."""
    from hobd.worker.llama import L

    buffer = ctypes.create_string_buffer(16 << 10)  # no vocabulary has a longer token
    tokens: list[bytes] = []
    special: list[int] = []
    ends: list[int] = []

    def piece(token: int, special: bool) -> bytes:
        length = L.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, special)
        return ctypes.string_at(buffer, max(0, length))

    for token in range(L.llama_vocab_n_tokens(vocab)):
        text = piece(token, False)
        if not text and (name := piece(token, True)):
            special.append(token)
            text = name
        tokens.append(text)
        if L.llama_vocab_is_eog(vocab, token):
            ends.append(token)
    return Lexicon(tokens, special, ends)
