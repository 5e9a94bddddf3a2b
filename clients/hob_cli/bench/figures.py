"""What measurements say: medians with their spread, and no more certainty than there is.

Must stay pure: numbers in, numbers out. Used by measuring.py, tuning.py and the commands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Of several rounds: the middle one, and the ends."""

    median: float
    low: float
    high: float
    num_rounds: int

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a share of the middle one."""
        return (self.high - self.low) / self.median if self.median else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One answer: when its first text came and when it ended, in seconds since the round began."""

    first_at: float
    last_at: float
    num_tokens: int  # after the first text
    num_prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All answers that ran together once."""

    prefill_per_second: float  # tokens of prompts
    decode_per_second: float  # tokens of all answers together
    first_ms: float  # until the median answer's first text


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """With so many answers at once."""

    num_streams: int
    prefill_per_second: Figure
    decode_per_second: Figure
    first_ms: Figure


def figure(values: Sequence[float]) -> Figure:
    return Figure(median=median(values), low=min(values), high=max(values), num_rounds=len(values))


def round_of(streams: Sequence[Stream]) -> Round:
    """Prompts count until the last answer has begun; answers have a rate each, and those add up."""
    prefill = sum(stream.num_prompt_tokens for stream in streams)
    return Round(
        prefill_per_second=prefill / max(*(stream.first_at for stream in streams), 1e-3),
        decode_per_second=sum(map(_rate, streams)),
        first_ms=1000 * median(stream.first_at for stream in streams),
    )


def speed_of(num_streams: int, rounds: Sequence[Round]) -> Speed:
    return Speed(
        num_streams=num_streams,
        prefill_per_second=figure([each.prefill_per_second for each in rounds]),
        decode_per_second=figure([each.decode_per_second for each in rounds]),
        first_ms=figure([each.first_ms for each in rounds]),
    )


def score(speeds: Sequence[Speed]) -> float:
    """One number for settings: the geometric mean of what prompts and answers get of them."""
    figures = [each.prefill_per_second for each in speeds] + [each.decode_per_second for each in speeds]
    rates = [each.median for each in figures]
    return math.exp(sum(math.log(max(rate, 1e-6)) for rate in rates) / len(rates))


def _rate(stream: Stream) -> float:
    """Tokens a second after the first text, whose time is the prompt's."""
    return stream.num_tokens / max(stream.last_at - stream.first_at, 1e-3)
