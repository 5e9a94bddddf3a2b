"""What a model sees and hears, among a prompt's tokens: stand-ins with the identity of what they stand for.

Must stay pure. Made by llama_projector.py; asked by plan.py and prefix_cache.py, which thereby share a
picture's cells like those of text, and by loop.py, which gives the engine embeddings instead of tokens.

    text          a picture's view          text        of another picture
    17 4 902   [ D+0 D+1 D+2 ... D+255 ]   38 11 5    [ E+0 E+1 ... ]

D comes from the digest of what was seen, so the same picture has the same tokens and another one has not.
No vocabulary reaches so far. The low bits count, so each stand-in tells where its view begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_FIRST = 1 << 31
_COUNT_BITS = 20
#: The longest view; far beyond any context that a machine has room for.
MAX_VIEW_TOKENS = 1 << _COUNT_BITS
_DIGEST_BYTES = 16


@dataclass(slots=True, eq=False)
class View:
    """A part of an image or a sound that the model takes in as embeddings, one for each of its tokens.

    `is_whole`: it cannot be cut, so all of it is one step's. `grid`: where each token stands, counted from
    the view's first position, in the four rows of M-RoPE; None if they follow each other like text.
    """

    tokens: range
    num_positions: int
    is_whole: bool = False
    is_causal: bool = True
    grid: Any = field(default=None, repr=False)
    chunk: Any = field(default=None, repr=False)  # what the projector computes the embeddings from
    embeddings: Any = field(default=None, repr=False)  # one row for each token, once they are computed

    def __len__(self) -> int:
        return len(self.tokens)


def stand_ins(digest: bytes, count: int) -> range:
    """The tokens of a view. `digest`: of what is seen, and of which part of it this is."""
    if not 0 < count <= MAX_VIEW_TOKENS:
        raise ValueError(f"a view of {count} tokens")
    first = _FIRST + (int.from_bytes(digest[:_DIGEST_BYTES], "big") << _COUNT_BITS)
    return range(first, first + count)


def is_stand_in(token: int) -> bool:
    return token >= _FIRST


def is_word(token: int) -> bool:
    return token < _FIRST


def place_in_view(token: int) -> int:
    """How many tokens of its view come before this one."""
    return (token - _FIRST) & (MAX_VIEW_TOKENS - 1)


def before_view(tokens: Sequence[int], count: int) -> int:
    """At most `count` of the tokens, so that no view is cut: what goes on from there begins anew with it."""
    if count < len(tokens) and is_stand_in(tokens[count]):
        return count - place_in_view(tokens[count])
    return count


def words(tokens: Sequence[int]) -> list[int]:
    """Only what the vocabulary has."""
    return [token for token in tokens if is_word(token)]
