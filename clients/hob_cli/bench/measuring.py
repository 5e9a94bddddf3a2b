"""Asks the daemon for answers of a known size, and takes the time.

Must leave no trace in any cache, compute each prompt anew, and ask for no more than it was told.
Called by the commands bench and tune.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hob_client.errors import InvalidRequest
from hob_client.models import EngineSettings

from hob_cli.bench.figures import Round, Speed, Stream, round_of, speed_of

if TYPE_CHECKING:
    from hob_client.client import Client

_TEXT = (
    "The river rose in the night and took the lower field with it, so in the morning the two brothers stood "
    "on the bank and counted what was left: nine posts, a gate that led nowhere, the old boat, upside down. "
)
_KEYS = ("threads", "batch_tokens", "kv_type")
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one measurement asks for. `num_streams`: answers at once, one measurement each."""

    num_streams: tuple[int, ...] = (1, 4, 16)
    num_rounds: int = 3
    num_prompt_tokens: int = 128
    num_tokens: int = 32


class Measuring:
    """Of one model, over one client."""

    def __init__(self, client: Client, model: str, work: Work, clock: Clock = time.monotonic) -> None:
        self._client = client
        self._model = model
        self._work = work
        self._clock = clock
        self._num_asked = 0
        self._words = client.tokenize(model, _TEXT)

    def rounds(self) -> Iterator[tuple[int, Round]]:
        """With how many streams each was; the first of all, in which everything is slow, is left out."""
        self._round(1)
        for _ in range(self._work.num_rounds):
            for num_streams in self._work.num_streams:
                yield num_streams, self._round(num_streams)

    def _round(self, num_streams: int) -> Round:
        prompts = [self._prompt() for _ in range(num_streams)]
        began = self._clock()
        with ThreadPoolExecutor(num_streams) as pool:
            return round_of(list(pool.map(lambda prompt: self._stream(prompt, began), prompts)))

    def _prompt(self) -> list[int]:
        """Of the wanted length, and beginning like none before."""
        self._num_asked += 1
        at = self._num_asked % len(self._words)
        turned = self._words[at:] + self._words[:at]
        length = self._work.num_prompt_tokens
        return (turned * (1 + length // len(turned)))[:length]

    def _stream(self, prompt: Sequence[int], began: float) -> Stream:
        events = self._client.generate(
            self._model,
            prompt,
            max_tokens=self._work.num_tokens,
            ignore_eos=True,
            incognito=True,
            temperature=1.0,
            seed=1,
        )
        first_at, last_at, num_tokens, receipt = None, 0.0, 0, None
        with closing(events):
            for event in events:
                if event.kind == "delta":
                    last_at = self._clock() - began
                    num_tokens += 0 if first_at is None else event.num_tokens
                    first_at = last_at if first_at is None else first_at
                receipt = event.done or receipt
        assert receipt is not None  # the client raises where an answer ends without
        return Stream(
            first_at=last_at if first_at is None else first_at,
            last_at=last_at,
            num_tokens=num_tokens,
            num_prompt_tokens=receipt.num_prompt_tokens - receipt.num_cached_tokens,
        )


def speeds(found: Sequence[tuple[int, Round]]) -> list[Speed]:
    """By the number of streams, as they were first measured."""
    return [
        speed_of(num_streams, [each for other, each in found if other == num_streams])
        for num_streams in dict.fromkeys(num_streams for num_streams, _ in found)
    ]


def load_trial(client: Client, model: str, trial: EngineSettings) -> None:
    """Load a model with these settings, once nobody uses it. What others ask of it meanwhile waits."""
    client.unload(model)
    for _ in client.load(model, trial=trial):
        pass


def parse_settings(text: str) -> list[EngineSettings]:
    """`engine.threads=1,2` as the settings to compare. Raises InvalidRequest."""
    key, _, values = text.partition("=")
    name = key.removeprefix("engine.")
    if name not in _KEYS or not values:
        raise InvalidRequest(
            f"what to compare must look like engine.threads=1,2; it may be {', '.join(_KEYS)}"
        )
    return [with_setting(EngineSettings(), name, value) for value in values.split(",")]


def describe(settings: EngineSettings | None) -> str:
    """In words of the configuration."""
    said = {} if settings is None else {name: getattr(settings, name) for name in _KEYS}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value) or "as configured"


def with_setting(settings: EngineSettings, name: str, text: str) -> EngineSettings:
    """The settings with one more. Raises InvalidRequest; what the number may be is the daemon's to say."""
    if name == "kv_type":
        return replace(settings, kv_type=text)
    if not text.isdecimal() or len(text) > 6:
        raise InvalidRequest(f"engine.{name} must be a number, not {text[:20]!r}")
    number = int(text)
    return replace(settings, threads=number) if name == "threads" else replace(settings, batch_tokens=number)
