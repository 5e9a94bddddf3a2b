"""The heart of an agent: after each answer, which calls are tried, which are declined, and whether to go on.

Must stay pure: no I/O, no clock; every call gets exactly one result, and every turn ends. One Turn lasts from
a question to the answer that calls nothing. Used by driver.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from hob_client.agent.values import Call, Declined


class Asked(Protocol):
    """A call as a model makes it."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def arguments(self) -> str: ...


class Ending(StrEnum):
    """Why a turn is over."""

    ANSWERED = "answered"
    CUT_OFF = "cut_off"  # the answer was, by its limit or the context's
    STEPS = "steps"  # it took as many as it may
    STUCK = "stuck"  # nothing but calls that are declined


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one turn."""

    num_steps: int = 24  # answers
    num_calls: int = 16  # of one answer
    num_repeats: int = 2  # of the same call
    num_stuck: int = 3  # answers in a row whose calls are all declined
    result_characters: int = 16_000
    turn_characters: int = 120_000  # of all results together


_CUT = frozenset({"max_tokens", "context_full", "deadline"})
_LEFT_OUT = "\n[{} more characters are left out; ask for less at once]"
_FULL = "[left out: the results of this turn are as long as they may be; answer with what you know]"


class Turn:
    """`heed` each answer; give each verdict's result to `clip`; stop when `ending` is set."""

    __slots__ = ("_limits", "_made", "_num_characters", "_num_steps", "_num_stuck", "_tools", "ending")

    def __init__(self, tools: Collection[str], limits: Limits | None = None) -> None:
        self._tools = frozenset(tools)
        self._limits = limits or Limits()
        self._made: Counter[str] = Counter()
        self._num_steps = self._num_stuck = self._num_characters = 0
        self.ending: Ending | None = None

    @property
    def may_call(self) -> bool:
        """Whether the next answer may call tools. The last one may not, so that it says what was found."""
        return self._num_steps + 1 < self._limits.num_steps and self._num_stuck < self._limits.num_stuck

    def heed(self, calls: Sequence[Asked], finish_reason: str) -> tuple[Call | Declined, ...]:
        """What is to become of an answer's calls, in their order."""
        assert self.ending is None, "the turn is over"
        could_call = self.may_call
        self._num_steps += 1
        verdicts = tuple(self._judge(number, call, could_call) for number, call in enumerate(calls))
        if not calls:
            self.ending = Ending.CUT_OFF if finish_reason in _CUT else self._quiet_ending(could_call)
            return ()
        is_stuck = all(isinstance(verdict, Declined) for verdict in verdicts)
        self._num_stuck = self._num_stuck + 1 if is_stuck else 0
        if not could_call:
            self.ending = self._quiet_ending(could_call)
        return verdicts

    def clip(self, text: str) -> str:
        """A result, as long as it may be."""
        most = min(self._limits.result_characters, self._limits.turn_characters - self._num_characters)
        if most <= 0:
            return _FULL
        self._num_characters += min(most, len(text))
        return text if len(text) <= most else text[:most] + _LEFT_OUT.format(len(text) - most)

    def _quiet_ending(self, could_call: bool) -> Ending:
        if could_call:
            return Ending.ANSWERED
        return Ending.STUCK if self._num_stuck >= self._limits.num_stuck else Ending.STEPS

    def _judge(self, number: int, asked: Asked, could_call: bool) -> Call | Declined:
        arguments = _object(asked.arguments)
        why = ""
        if not could_call:
            why = "no more calls are carried out in this turn; answer with what you know"
        elif number >= self._limits.num_calls:
            why = f"one answer may make {self._limits.num_calls} calls; make this one later"
        elif asked.name not in self._tools:
            why = f"there is no tool of that name; there are {', '.join(sorted(self._tools))}"
        elif arguments is None:
            why = "the arguments are not a JSON object; write them again"
        elif self._repeats(asked.name, arguments) > self._limits.num_repeats:
            why = "this very call was made before and would give the same again; do something else"
        if why or arguments is None:
            return Declined(id=asked.id, name=asked.name, why=why)
        return Call(id=asked.id, name=asked.name, arguments=arguments)

    def _repeats(self, name: str, arguments: dict[str, Any]) -> int:
        key = f"{name} {json.dumps(arguments, sort_keys=True)}"
        self._made[key] += 1
        return self._made[key]


def _object(text: str) -> dict[str, Any] | None:
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None
