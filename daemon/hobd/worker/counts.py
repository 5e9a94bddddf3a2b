"""What a worker has done since it was loaded, in tokens.

Must stay pure. Kept by scheduler.py, told with every step.
"""

from __future__ import annotations

from dataclasses import dataclass

from hobd.worker.sequence import Sequence


@dataclass(slots=True)
class Counts:
    """Named as the fields of a Tally."""

    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    num_drafted_tokens: int = 0
    num_accepted_tokens: int = 0

    def note_prompt(self, sequence: Sequence) -> None:
        """A sequence got its first lane."""
        self.num_prompt_tokens += sequence.num_prompt
        self.num_cached_tokens += sequence.num_cached

    def note_drafts(self, num_drafted: int, num_accepted: int) -> None:
        self.num_drafted_tokens += num_drafted
        self.num_accepted_tokens += num_accepted
