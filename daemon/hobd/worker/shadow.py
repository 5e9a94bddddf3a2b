"""What the draft model holds of one sequence, what it foretold of it, and how often it was right.

Must stay pure. Made by guesswork.py; filled by drafter.py; asked by drafting.py and foresight.py.
"""

from __future__ import annotations

_FIRST_TRUST, _WEIGHT = 0.5, 0.1


class Trust:
    """How often what was foretold came, lately."""

    __slots__ = ("value",)

    def __init__(self, value: float = _FIRST_TRUST) -> None:
        self.value = value

    def note(self, is_right: bool) -> None:
        self.value += _WEIGHT * (is_right - self.value)


class Shadow:
    """A sequence as the draft model knows it: behind it, beside it or ahead of it.

        tokens    0 ................................... len(tokens)
        foretold                                        │ g1 g2 g3
        held      0 ........... num_held (at most all but the last of what was foretold)
                  in the draft's KV cache    still to be computed there

    What was foretold is compared with what comes, whether it was computed as a guess or not; where it
    was wrong it is forgotten, and so is what the draft model computed after it.
    """

    __slots__ = (
        "_common",
        "_foretold",
        "_is_shunned",
        "_num_held",
        "_num_seen",
        "_own",
        "_tokens",
        "_vocabulary",
        "is_on_trial",
    )

    def __init__(self, tokens: list[int], vocabulary: int, common: Trust) -> None:
        """`tokens` are the sequence's own, and grow with it. `common` is what all shadows learn together."""
        self._num_held = 0
        self._is_shunned = False
        self.is_on_trial = False  # its next guess is computed whether that pays or not: to see what it costs
        self._tokens = tokens
        self._vocabulary = vocabulary
        self._common = common
        self._own = Trust(common.value)
        self._foretold: list[int] = []
        self._num_seen = 0
        self._read()

    @property
    def trust(self) -> float:
        return self._own.value

    @property
    def is_shunned(self) -> bool:
        """Whether the draft model cannot follow it: too long, or with a token that only one of them has."""
        self._read()
        return self._is_shunned

    @property
    def num_held(self) -> int:
        """So many tokens, of the sequence and then of what is foretold, the draft model has computed."""
        self._read()
        return self._num_held

    @property
    def num_lacking(self) -> int:
        """Tokens of the sequence that the draft model has not computed."""
        self._read()
        return max(0, len(self._tokens) - self._num_held)

    @property
    def num_foretold(self) -> int:
        self._read()
        return len(self._foretold)

    def propose(self, limit: int) -> list[int]:
        """At most `limit` tokens that may come next."""
        self._read()
        return self._foretold[: max(0, limit)]

    def pending(self, limit: int) -> list[int]:
        """The next tokens that the draft model should compute, at least one."""
        self._read()
        known = self._tokens[self._num_held : self._num_held + limit]
        ahead = max(0, self._num_held - len(self._tokens))
        return known + self._foretold[ahead : ahead + limit - len(known)]

    def hold(self, count: int) -> None:
        """The draft model computed so many more of the pending tokens."""
        self._num_held += count

    def foretell(self, token: int) -> None:
        """The draft model says what follows all it computed."""
        assert self._num_held == len(self._tokens) + len(self._foretold), "it does not hold what comes before"
        self._foretold.append(token)

    def shun(self) -> None:
        """The draft model cannot follow it and never will."""
        self._is_shunned = True

    def forget(self) -> None:
        """The draft model holds nothing of it any more."""
        self._num_held = 0
        self._foretold = []

    def _read(self) -> None:
        """Compares the tokens that came since the last time with what was foretold."""
        tokens = self._tokens
        for at in range(self._num_seen, len(tokens)):
            if tokens[at] >= self._vocabulary:
                self._is_shunned = True
            if self._foretold:
                is_right = self._foretold[0] == tokens[at]
                self._own.note(is_right)
                self._common.note(is_right)
                self._foretold = self._foretold[1:] if is_right else []
                if not is_right:
                    self._num_held = min(self._num_held, at)
        self._num_seen = len(tokens)
