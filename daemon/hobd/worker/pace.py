"""How many prompt tokens a step may compute while somebody waits for the next token of an answer.

Must stay pure: it is told how long steps took and never looks at a clock. Used by scheduler.py.
"""

from __future__ import annotations

_SMALLEST_CHUNK = 16
# How much one step weighs in what is known: the last ten or so count.
_WEIGHT = 0.1


class Pace:
    """`chunk_tokens` follows the machine: a step with a chunk takes about twice as long as one without."""

    def __init__(self, chunk_tokens: int, batch_tokens: int) -> None:
        self.chunk_tokens = min(chunk_tokens, batch_tokens)
        self._batch_tokens = batch_tokens
        self._decode_us = 0.0  # a step of answers alone
        self._prompt_us = 0.0  # each prompt token beside them

    def note(self, num_prompt: int, duration_us: int, *, is_mixed: bool) -> None:
        """A step with so many tokens of prompts; `is_mixed` when it had answers' tokens too."""
        if not num_prompt:
            self._decode_us = _blend(self._decode_us, duration_us)
        elif num_prompt >= _SMALLEST_CHUNK:  # fewer say more about the clock than about the machine
            beside_us = self._decode_us if is_mixed else 0.0
            self._prompt_us = _blend(self._prompt_us, max(1.0, duration_us - beside_us) / num_prompt)
        if self._decode_us and self._prompt_us:
            fitting = int(self._decode_us / self._prompt_us)
            self.chunk_tokens = min(self._batch_tokens, max(_SMALLEST_CHUNK, fitting))


def _blend(known: float, new: float) -> float:
    return known + _WEIGHT * (new - known) if known else new
