"""How many guesses of which answer a step computes on trust: none unless it makes all of them faster.

Must stay pure, and can never change an answer: a guess counts only where it is what is sampled then.
Asked by scheduler.py.

A step that computes the last token and three guesses gives up to four tokens, and takes longer than one
without guesses: on a processor much longer, on a graphics card hardly. Pace knows by how much. Where many
answer together there is nothing to gain, for the others could have had the time.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Tokens
from typing import Protocol

from hobd.worker.pace import Pace
from hobd.worker.plan import Work, next_token
from hobd.worker.sequence import Sequence

#: So many guesses and the last token are eight rows of a matrix, where llama.cpp's kernels are at their best.
MAX_DRAFTS = 7


class Guesser(Protocol):
    """Who foretells one sequence: its own past (lookup.py), or a draft model (shadow.py)."""

    @property
    def trust(self) -> float:
        """How often the foretold token came, lately."""

    def propose(self, limit: int) -> list[int]:
        """At most `limit` tokens that may come next."""


class Drafting:
    """Knows what a token is worth and what a guess costs, from `pace`."""

    def __init__(self, pace: Pace, context_tokens: int, is_end: Callable[[int], bool]) -> None:
        self._pace = pace
        self._context_tokens = context_tokens
        self._is_end = is_end

    def plan(self, answering: Tokens[Sequence], most: int) -> list[Work]:
        """The next token of each, and what is worth being guessed; of all that at most `most` tokens."""
        work = []
        spare = most - len(answering)
        for sequence in answering:
            drafts = self._guess(sequence, len(answering), spare)
            work.append(next_token(sequence, drafts))
            spare -= len(drafts)
        return work

    def _guess(self, sequence: Sequence, num_answers: int, spare: int) -> Tokens[int]:
        """At most `spare` tokens that may follow the last one; none goes beyond the answer's end."""
        guesser = _most_trusted(sequence)
        if guesser is None or not self._pace.decode_us:
            return ()
        guessed = guesser.propose(min(MAX_DRAFTS, spare, num_left(sequence, self._context_tokens) - 1))
        count = num_worthwhile(
            guesser.trust,
            token_us=self._pace.decode_us / num_answers,
            draft_us=self._pace.draft_us,  # what it took to foretell them is spent already
            limit=len(guessed),
        )
        if sequence.shadow is guesser and sequence.shadow.is_on_trial:
            count = max(count, min(1, len(guessed)))
        end = next((at for at, token in enumerate(guessed[:count]) if self._is_end(token)), count)
        return guessed[:end]


def _most_trusted(sequence: Sequence) -> Guesser | None:
    """Of those who foretell something at all; the lookup if in doubt."""
    guessers: list[Guesser | None] = [sequence.lookup, sequence.shadow]
    able = [guesser for guesser in guessers if guesser is not None and guesser.propose(1)]
    return max(able, key=lambda guesser: guesser.trust, default=None)


def num_left(sequence: Sequence, context_tokens: int) -> int:
    """Tokens that its answer may still get."""
    left = context_tokens - len(sequence.tokens)
    return left if sequence.max_tokens is None else min(left, sequence.max_tokens - sequence.num_generated)


def num_worthwhile(trust: float, *, token_us: float, draft_us: float, limit: int) -> int:
    """How many guesses pay: each counts only if all before it did.

    `token_us` is the time for which one token more is a good deal: a step's, shared by its answers.
    """
    count, likelihood = 0, trust
    while count < limit and likelihood * token_us > draft_us:
        count += 1
        likelihood *= trust
    return count
