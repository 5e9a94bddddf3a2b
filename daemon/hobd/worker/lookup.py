"""Guesses a sequence's next tokens from its own past: texts repeat themselves, edited ones most of all.

Must stay pure. Made by intake.py; asked by drafting.py, which says whether a guess is worth computing.

How good the guesses are is known even while none is computed: what was foretold is compared with what came.
"""

from __future__ import annotations

from itertools import takewhile

from hobd.worker.views import is_word

# A guess is made where the last so many tokens occurred before.
_GRAM = 3
# Older parts of a long prompt are not searched.
_REACH_TOKENS = 16_384
_FIRST_TRUST, _WEIGHT = 0.5, 0.1


class Lookup:
    """What followed the last time that a sequence's last tokens occurred in it.

    tokens   ... a b c d e ... a b c | d e        (d, e are foretold)
                       ^ _at
    """

    __slots__ = ("_at", "_followers", "_num_seen", "_tokens", "trust")

    def __init__(self, tokens: list[int]) -> None:
        """`tokens` are the sequence's own, and grow with it."""
        self.trust = _FIRST_TRUST  # how often the foretold token came, lately
        self._tokens = tokens
        self._followers: dict[tuple[int, ...], int] = {}  # three tokens -> where what followed them begins
        self._at: int | None = None  # where the token stands that is foretold
        self._num_seen = max(0, len(tokens) - _REACH_TOKENS)
        self._read()
        self.trust = _FIRST_TRUST

    def propose(self, limit: int) -> list[int]:
        """At most `limit` tokens that may come next."""
        self._read()
        if self._at is None or limit < 1:
            return []
        return list(takewhile(is_word, self._tokens[self._at : self._at + limit]))  # nobody says a picture

    def _read(self) -> None:
        """Takes in the tokens that came since the last time."""
        tokens = self._tokens
        for end in range(self._num_seen, len(tokens)):
            if self._at is not None:
                is_right = tokens[self._at] == tokens[end]
                self.trust += _WEIGHT * (is_right - self.trust)
                self._at = self._at + 1 if is_right else None
            if end + 1 >= _GRAM:
                gram = tuple(tokens[end + 1 - _GRAM : end + 1])
                if self._at is None:
                    self._at = self._followers.get(gram)
                self._followers[gram] = end + 1
        self._num_seen = len(tokens)
