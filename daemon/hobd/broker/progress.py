"""How those who wait for a model are told how far it is.

Must stay a signature: nobody is made to watch. Given by session.py and api/models.py, called by who loads.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how far a load is. `num_ahead`: while it waits for room, the models that get theirs before it."""

    def __call__(self, stage: str, fraction: float, num_ahead: int = 0, /) -> None: ...
