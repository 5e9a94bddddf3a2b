"""The tokens of one work's rows of logits, as far as what was guessed is what comes.

Must leave samplers as if the tokens had come one at a time. Called by loop.py.
"""

from __future__ import annotations

from hobd.worker.engine import Sampler
from hobd.worker.plan import Work


def draw(work: Work, sampler: Sampler, row: int) -> list[int]:
    """The sampler's tokens, up to and with the first that was not guessed."""
    tokens = []
    for index in range(work.num_rows):
        tokens.append(sampler.draw(row + index, work.sequence.num_generated + index))
        sampler.accept(tokens[-1])
        if index < len(work.drafts) and tokens[-1] != work.drafts[index]:
            break
    return tokens


def confirm(work: Work, greedy: list[int]) -> list[int]:
    """The likeliest tokens, up to and with the first that was not guessed."""
    right = 0
    while right < len(work.drafts) and greedy[right] == work.drafts[right]:
        right += 1
    return greedy[: right + 1]
