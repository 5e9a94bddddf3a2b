"""Which settings to try next, and which are worth being remembered.

Must stay pure: it is told scores and asks for nothing itself. Called by the command tune.

One setting after the other, threads first: twice as many each time, until more cost more than they give.
What is not clearly better than what hob does anyway is not taken: figures differ from time to time.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from hob_client.models import EngineSettings

_BATCHES = (128, 256, 1024, 2048)
#: A gain below this may be chance. A rounded KV cache changes answers a little, so it must give more.
LEAST_GAIN, LEAST_GAIN_OF_ROUNDING = 1.05, 1.15
_CLEARLY_WORSE = 0.9


def search(
    most_threads: int,
    fixed: frozenset[str],
    least: tuple[float, float] = (LEAST_GAIN, LEAST_GAIN_OF_ROUNDING),
) -> Generator[EngineSettings, float, EngineSettings]:
    """Yields settings to be measured and is sent their score; returns the best. The usual come first."""
    best = EngineSettings()
    best_score = yield best
    if "threads" not in fixed:
        best, best_score = yield from _rising(best, best_score, _counts(most_threads), "threads", least[0])
    if "batch_tokens" not in fixed:
        best, best_score = yield from _rising(best, best_score, _BATCHES, "batch_tokens", least[0])
    if "kv_type" not in fixed:
        rounded = replace(best, kv_type="q8_0")
        if (yield rounded) >= best_score * least[1]:
            best = rounded
    return (yield from _duel(best, least[0])) if best != EngineSettings() else best


def _duel(best: EngineSettings, least: float) -> Generator[EngineSettings, float, EngineSettings]:
    """Both once more, one right after the other: the first figures may be of another, busier moment."""
    usual_score = yield EngineSettings()
    best_score = yield best
    return best if best_score >= usual_score * least else EngineSettings()


def _rising(
    best: EngineSettings, best_score: float, values: tuple[int, ...], name: str, least: float
) -> Generator[EngineSettings, float, tuple[EngineSettings, float]]:
    """Until values get clearly worse than one before. What is taken must beat what was there by `least`."""
    found, highest = [(best_score * least, best, best_score)], 0.0
    for value in values:
        tried = replace(best, threads=value) if name == "threads" else replace(best, batch_tokens=value)
        score = yield tried
        found.append((score, tried, score))
        if score < highest * _CLEARLY_WORSE:
            break
        highest = max(highest, score)
    _, settings, score = max(found, key=lambda each: each[0])
    return settings, score


def _counts(most: int) -> tuple[int, ...]:
    """1, 2, 4 and so on, and as many as there are."""
    doubles = [1 << n for n in range(11) if 1 << n < most]
    return (*doubles, most)
