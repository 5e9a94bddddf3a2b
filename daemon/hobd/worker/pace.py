"""What steps take, and what follows: how many prompt tokens fit beside answers, and what a guess costs.

Must stay pure: it is told how long steps took and never looks at a clock. Used by scheduler.py.
"""

from __future__ import annotations

_SMALLEST_CHUNK = 16
# How much one step weighs in what is known: the last ten or so count.
_WEIGHT = 0.1
# What a draft costs is forgotten slowly while none is computed, so that it is found out anew some time.
_FORGETTING = 0.01
# Of a step's time, until it is known: what a token more costs on a processor.
_FIRST_DRAFT_SHARE = 0.6


class Pace:
    """`chunk_tokens` follows the machine: a step with a chunk takes about twice as long as one without."""

    def __init__(self, chunk_tokens: int, batch_tokens: int) -> None:
        self.chunk_tokens = min(chunk_tokens, batch_tokens)
        self._batch_tokens = batch_tokens
        self.decode_us = 0.0  # a step of answers alone
        self._prompt_us = 0.0  # each prompt token beside them
        self._draft_share = _FIRST_DRAFT_SHARE

    @property
    def draft_us(self) -> float:
        """What one drafted token adds to a step of answers."""
        return self._draft_share * self.decode_us

    def note(self, num_prompt: int, duration_us: int, *, is_mixed: bool, num_drafts: int = 0) -> None:
        """A step with so many tokens of prompts; `is_mixed` when it had answers' tokens too."""
        if num_prompt:
            self._note_prompt(num_prompt, duration_us, is_mixed)
        elif num_drafts:
            self._note_drafts(num_drafts, duration_us)
        else:
            self.decode_us = _blend(self.decode_us, duration_us)
            self._draft_share += _FORGETTING * (_FIRST_DRAFT_SHARE - self._draft_share)
        if self.decode_us and self._prompt_us:
            fitting = int(self.decode_us / self._prompt_us)
            self.chunk_tokens = min(self._batch_tokens, max(_SMALLEST_CHUNK, fitting))

    def _note_prompt(self, num_prompt: int, duration_us: int, is_mixed: bool) -> None:
        if num_prompt >= _SMALLEST_CHUNK:  # fewer say more about the clock than about the machine
            beside_us = self.decode_us if is_mixed else 0.0
            self._prompt_us = _blend(self._prompt_us, max(1.0, duration_us - beside_us) / num_prompt)

    def _note_drafts(self, num_drafts: int, duration_us: int) -> None:
        if self.decode_us:
            share = max(0.0, duration_us / self.decode_us - 1) / num_drafts
            self._draft_share = _blend(self._draft_share, share)


def _blend(known: float, new: float) -> float:
    return known + _WEIGHT * (new - known) if known else new
