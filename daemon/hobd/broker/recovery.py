"""What lets an answer outlive its worker: what was told of it, who is under suspicion, and who goes on first.

Must do no I/O and read no clock: times come in, in seconds of one steady clock. session.py keeps a History
of its request, course.py acts on the verdicts.

A worker that dies takes along everybody who was on it, and each of those it was working on may be what
killed it. Who is there twice without getting on in between becomes a suspect. Suspects go on one at a time:
the one that kills does it alone, and it alone is given up. The others lose nothing but time. One death alone
proves little, since workers are also killed from outside.

             second death             second death with nobody else at work
    TRUSTED ──────────────> SUSPECT ────────────────────────────────────────> given up
       ^                       │
       └────────headway────────┘
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

_DEATHS_OF_A_SUSPECT = 2
_LONE_DEATHS_OF_A_KILLER = 2
# A queue is no work, and whose worker dies meanwhile has not killed it; but nobody is left there so often.
_MOST_LOSSES_IN_QUEUE = 8
# Tokens that lift a suspicion: more than a worker computes between telling and dying, so that an answer which
# dies of one token never makes them. After some deaths they double with each, so that an answer that kills
# its worker every so often cannot do it for ever.
_HEADWAY_TOKENS = 16


class Stage(Enum):
    """Where in a worker a request is."""

    AWAY = "away"  # in none
    INTAKE = "intake"  # its prompt is rendered and tokenized
    QUEUED = "queued"
    PREFILL = "prefill"
    DECODE = "decode"


class Verdict(Enum):
    RESUME = "resume"
    QUARANTINE = "quarantine"  # resume when it is its turn among the suspects
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Loss:
    """How a session lost its worker: `how` is half a sentence. `is_wanted`: somebody told it to go.
    `is_condemned`: it tried what is forbidden, and there is to be no other."""

    how: str
    is_wanted: bool
    verdict: Verdict
    is_condemned: bool = False


class History:
    """What one request has been through. Holds the ids of the answer's tokens, for as long as it lasts."""

    __slots__ = (
        "_lone_strikes",
        "_losses_in_queue",
        "_num_wiped",
        "_since",
        "_spent",
        "_stage",
        "_strikes",
        "_trusted_at",
        "num_deaths",
        "num_losses",
        "tokens",
    )

    def __init__(self) -> None:
        self.tokens = array("i")  # told to the caller, though the last ones' text may be held back
        self._num_wiped = 0
        self.num_losses = 0  # workers that left it behind
        self.num_deaths = 0  # of these, the ones that were at work on it
        self._strikes = 0  # deaths since it last got on
        self._lone_strikes = 0  # of these, the ones with nobody else at work
        self._losses_in_queue = 0  # since it last got on
        self._trusted_at = 0  # this many tokens are headway
        self._stage = Stage.AWAY
        self._since: float | None = None
        self._spent = dict.fromkeys(Stage, 0.0)

    def wipe(self) -> None:
        """Lets go of the tokens that were told, which say what the answer was."""
        self._overwrite()
        self._num_wiped += len(self.tokens)
        del self.tokens[:]

    @property
    def num_told(self) -> int:
        """How many tokens were told, also after `wipe`."""
        return self._num_wiped + len(self.tokens)

    def _overwrite(self) -> None:
        """Where they are, since memory that is free keeps what it held."""
        for index in range(len(self.tokens)):
            self.tokens[index] = 0

    def __repr__(self) -> str:
        return f"History({self._stage.value}, {len(self.tokens)} tokens, {self.num_deaths} deaths)"

    @property
    def is_at_work(self) -> bool:
        """Whether its worker is at work on it, so that a death now may be its doing."""
        return self._stage not in (Stage.AWAY, Stage.QUEUED)

    @property
    def is_suspect(self) -> bool:
        return self._strikes >= _DEATHS_OF_A_SUSPECT

    def spent_ms(self, *stages: Stage) -> int:
        """Time in these stages, over all workers; AWAY counts from the first one on."""
        return int(sum(self._spent[stage] for stage in stages) * 1000)

    def enter(self, stage: Stage, now: float) -> None:
        if self._since is not None:
            self._spent[self._stage] += now - self._since
        self._stage, self._since = stage, now

    def tell(self, tokens: Iterable[int], now: float) -> bool:
        """More of the answer went to the caller. True when that lifted a suspicion."""
        if self._stage is not Stage.DECODE:
            self.enter(Stage.DECODE, now)
        self.tokens.extend(tokens)
        self._losses_in_queue = 0
        if not self._strikes or len(self.tokens) < self._trusted_at:
            return False
        was_suspect = self.is_suspect
        self._strikes = self._lone_strikes = 0
        return was_suspect

    def lose(self, now: float, *, is_alone: bool) -> Verdict:
        """Its worker is gone. `is_alone`: the worker was at work on nothing else."""
        self._losses_in_queue += self._stage is Stage.QUEUED
        if self.is_at_work or self._losses_in_queue > _MOST_LOSSES_IN_QUEUE:
            self.num_deaths += 1
            self._strikes += 1
            self._lone_strikes += is_alone
            self._trusted_at = len(self.tokens) + max(_HEADWAY_TOKENS, 2 << self.num_deaths)
        self.num_losses += 1
        self.enter(Stage.AWAY, now)
        if self._lone_strikes >= _LONE_DEATHS_OF_A_KILLER:
            return Verdict.GIVE_UP
        return Verdict.QUARANTINE if self.is_suspect else Verdict.RESUME


class Ward:
    """Who may go to one model's worker: anybody; while there are suspects, the first of them alone."""

    __slots__ = ("_suspects",)

    def __init__(self) -> None:
        self._suspects: list[int] = []

    def admit(self, id: int) -> None:
        """Puts a suspect into the row; one that is in it keeps its place."""
        if id not in self._suspects:
            self._suspects.append(id)

    def discharge(self, id: int) -> bool:
        """It is over, or trusted again. True if others may go now that could not."""
        if id not in self._suspects:
            return False
        self._suspects.remove(id)
        return True

    def may_go(self, id: int) -> bool:
        return not self._suspects or self._suspects[0] == id
