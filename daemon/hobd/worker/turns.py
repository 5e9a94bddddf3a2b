"""Who goes next: classes, fair shares between the callers of a class, and grace for who waited too long.

Must stay pure: time is steps and tokens served. Used by scheduler.py.

Grace is one lane's worth at most: one sequence has it at a time, until it ends. So a full queue of batch
work cannot push interactive requests aside by waiting, and still the longest waiting always gets on.
"""

from __future__ import annotations

from collections.abc import Iterable

from hobd.worker.plan import Work, num_tokens
from hobd.worker.sequence import Sequence, State

# After this many tokens what was served before counts half.
_HALF_LIFE_TOKENS = 8192
# What would take a prompt of a better class more time than this share of its own stands back for it, but not
# more than so many steps in a row.
_NOTICEABLE_SHARE = 1 / 8
_MOST_STEPS_BACK = 4


class Turns:
    """Counts steps and what each caller was served."""

    def __init__(self, patience_steps: int) -> None:
        self._patience_steps = patience_steps
        self._steps = 0
        self._graced: Sequence | None = None
        self._served: dict[str, float] = {}
        self._until_fading = _HALF_LIFE_TOKENS
        self._num_steps_back = 0

    def key(self, sequence: Sequence) -> tuple[tuple[bool, int], float, int]:
        """The smallest goes next."""
        return (sequence.standing, self._served.get(sequence.caller, 0.0), sequence.arrival)

    def note_queued(self, sequence: Sequence) -> None:
        sequence.queued_at = self._steps

    def note_step(self, queued: Iterable[Sequence]) -> None:
        """One more step. `queued` in the order of queueing; who waits too long gets grace if it is free."""
        self._steps += 1
        if self._graced is not None and self._graced.state is not State.ENDED:
            return
        self._graced = None
        longest = next(iter(queued), None)
        if longest is not None and self._steps - longest.queued_at > self._patience_steps:
            self._graced = longest
            longest.has_grace = True

    def without_hindrance(self, work: list[Work]) -> list[Work]:
        """What a step computes of all that it could: not what keeps a prompt of a better class waiting."""
        best = min((piece.sequence.standing for piece in work if not piece.is_answer), default=None)
        if best is None:
            self._num_steps_back = 0  # all get on
            return work
        lesser = [piece for piece in work if piece.sequence.standing > best]
        num_lesser = num_tokens(lesser)
        is_noticeable = num_lesser > _NOTICEABLE_SHARE * (num_tokens(work) - num_lesser)
        if not is_noticeable or self._num_steps_back == _MOST_STEPS_BACK:
            self._num_steps_back = 0
            return work
        self._num_steps_back += 1
        return [piece for piece in work if piece.sequence.standing <= best]

    def charge(self, caller: str, tokens: int) -> None:
        """The caller was served, or is promised, so many tokens."""
        self._served[caller] = self._served.get(caller, 0.0) + tokens
        self._until_fading -= tokens
        if self._until_fading <= 0:
            self._until_fading = _HALF_LIFE_TOKENS
            # Dropping what has faded bounds the table by the callers of the last while.
            self._served = {caller: half for caller, s in self._served.items() if (half := s / 2) >= 1}
