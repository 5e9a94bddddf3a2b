"""For which answers the draft model shall guess, and how many tokens: none unless it makes all faster.

Must stay pure: it is told how long things took and never looks at a clock. Made and asked by guesswork.py.

A guess of the draft model costs twice: its own decode, and the row in the model's step that checks it.
Pace knows the second, this knows the first. Where both together do not pay, the draft model rests and
tries again after a while, ever more rarely while it is in vain: only its guesses tell how good they are.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

from hobd.worker import drafting
from hobd.worker.drafting import MAX_DRAFTS
from hobd.worker.pace import Pace
from hobd.worker.sequence import Sequence
from hobd.worker.shadow import Shadow

#: Who lacks no more than an ordinary step brings is ready to be guessed for.
MOST_PENDING = MAX_DRAFTS + 1
_WEIGHT = 0.1
# A single slow moment must not put the draft to rest for good: what was measured is forgotten while it keeps
# the draft from working, so slowly that a draft which is just too dear costs no more than a fiftieth.
_FORGETTING = 0.002
# Of a step's time, until it is known: what a round of guesses takes.
_FIRST_ROUND_SHARE = 0.2
# Catching up with an answer may take so much of the time that the answer has taken: one that has lasted
# long goes on long, one that ends soon is not worth it.
_CATCH_UP_SHARE = 0.25
_SMALLEST_CHUNK = 16
# A try is so many times two guesses; after it come so many steps of rest, at first and at most.
_NUM_TRIES, _GUESSES_OF_A_TRY = 8, 2
_FIRST_PATIENCE, _LAST_PATIENCE = 128, 4096


@dataclass(frozen=True, slots=True)
class Wishes:
    """Who is to be followed a bit further, and who is to be guessed for, so many tokens each.

    `present` are all who may be asked for in the next steps: none of them makes way for another.
    """

    behind: Many[Shadow] = ()
    guesses: Many[tuple[Shadow, int]] = ()
    present: Many[Shadow] = ()


class Foresight:
    """Shares of a step's time are kept, not times: they hold when the machine gets slower."""

    def __init__(self, pace: Pace, *, context_tokens: int, num_lanes: int, batch_tokens: int) -> None:
        """`context_tokens` are the model's, `num_lanes` and `batch_tokens` the draft model's."""
        self._pace = pace
        self._context_tokens = context_tokens
        self._num_lanes = num_lanes
        self._batch_tokens = batch_tokens
        self._round_share = _FIRST_ROUND_SHARE
        self._catch_up_share = 0.0  # for each token; 0 while unknown
        self._tries_left = _NUM_TRIES
        self._num_rested = 0
        self._patience = _FIRST_PATIENCE

    # ------------------------------------------------------------------ what is to be done

    def wishes(self, answering: Many[Sequence]) -> Wishes:
        """What the draft model shall do before the next step of these answers."""
        if not answering or not self._pace.decode_us:
            return Wishes()
        present = [(s, s.shadow) for s in answering[: self._num_lanes] if s.shadow is not None]
        wanted = []
        for sequence, shadow in present:
            if self._is_open(sequence, shadow) and self._is_near(sequence, shadow):
                shadow.is_on_trial = False
                wanted.append((shadow, self._num_worthwhile(sequence, shadow, len(answering))))
        worthwhile = [(shadow, count) for shadow, count in wanted if count]
        if worthwhile:
            self._patience = _FIRST_PATIENCE
        elif wanted:
            self._round_share += _FORGETTING * (_FIRST_ROUND_SHARE - self._round_share)
            if self._may_pay(len(answering)):
                worthwhile = self._try(min((shadow for shadow, _ in wanted), key=lambda s: s.num_lacking))
        behind = [shadow for shadow, _ in worthwhile if shadow.num_lacking > MOST_PENDING]
        guesses = [(shadow, count) for shadow, count in worthwhile if shadow not in behind]
        return Wishes(behind, guesses, [shadow for _, shadow in present])

    @property
    def chunk_tokens(self) -> int:
        """So many tokens may be caught up with before a step: it then takes about twice as long."""
        if not self._catch_up_share:
            return min(_SMALLEST_CHUNK, self._batch_tokens)
        return min(self._batch_tokens, max(_SMALLEST_CHUNK, int(1 / self._catch_up_share)))

    # ------------------------------------------------------------------ what it took

    def note_caught_up(self, num_tokens: int, duration_us: int) -> None:
        """The draft model computed so many tokens without guessing."""
        if self._pace.decode_us and num_tokens >= _SMALLEST_CHUNK // 2:
            self._catch_up_share = _blend(
                self._catch_up_share, duration_us / num_tokens / self._pace.decode_us
            )

    def note_guessed(self, num_rounds: int, duration_us: int) -> None:
        if self._pace.decode_us and num_rounds:
            self._round_share = _blend(self._round_share, duration_us / num_rounds / self._pace.decode_us)

    # ------------------------------------------------------------------ private steps

    def _is_open(self, sequence: Sequence, shadow: Shadow) -> bool:
        """Whether new guesses for it could be of use."""
        if shadow.is_shunned or shadow.num_foretold or self._room(sequence) < 1:
            return False
        lookup = sequence.lookup
        # What costs nothing goes first where it is trusted more.
        return lookup is None or lookup.trust < shadow.trust or not lookup.propose(1)

    def _is_near(self, sequence: Sequence, shadow: Shadow) -> bool:
        """Whether it is worth catching up with."""
        behind = shadow.num_lacking - MOST_PENDING
        lasted = min(sequence.num_generated, self._room(sequence))
        if behind <= 0 or behind * self._catch_up_share <= _CATCH_UP_SHARE * lasted:
            return True
        self._catch_up_share *= 1 - _FORGETTING
        return False

    def _room(self, sequence: Sequence) -> int:
        """Guesses that may count: the answer's last token needs none."""
        return drafting.num_left(sequence, self._context_tokens) - 1

    def _num_worthwhile(self, sequence: Sequence, shadow: Shadow, num_answers: int) -> int:
        return drafting.num_worthwhile(
            shadow.trust,
            token_us=self._pace.decode_us / num_answers,
            draft_us=self._guess_us(num_answers),
            limit=min(MAX_DRAFTS, self._room(sequence)),
        )

    def _guess_us(self, num_answers: int) -> float:
        """What one guess of one answer costs: a row of the model's step, and its part of a round."""
        return self._pace.draft_us + self._round_share * self._pace.decode_us / num_answers

    def _may_pay(self, num_answers: int) -> bool:
        """Whether guesses that are always right would."""
        return self._pace.decode_us / num_answers > self._guess_us(num_answers)

    def _try(self, shadow: Shadow) -> list[tuple[Shadow, int]]:
        """A try with this one if it is time for it."""
        if self._tries_left:
            shadow.is_on_trial = True
            self._tries_left -= shadow.num_lacking <= MOST_PENDING  # catching up is no try yet
            return [(shadow, _GUESSES_OF_A_TRY)]
        self._num_rested += 1
        if self._num_rested >= self._patience:
            self._num_rested, self._tries_left = 0, _NUM_TRIES
            self._patience = min(2 * self._patience, _LAST_PATIENCE)
        return []


def _blend(known: float, new: float) -> float:
    return known + _WEIGHT * (new - known) if known else new
