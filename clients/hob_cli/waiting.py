"""Shows that something is under way while no text comes yet.

Must stay silent unless stderr is a terminal, and must not import rich for a wait that is over at once.
Used by answering.py, commands/load.py and commands/embed.py.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rich.progress
    from hob_client.events import Progress

_PATIENCE_SECONDS = 0.5
_WORDS = {
    "waiting_for_room": "waiting for memory that other models use",
    "verifying": "checking the model's file",
    "loading": "loading the model",
    "probing": "trying the model out",
    "queued": "waiting for a free lane",
    "prefill": "reading the prompt",
    "embedding": "making vectors",
    "recovering": "starting the model again",
}


class Waiting:
    """A bar that appears if the wait is long enough to wonder, and leaves no trace."""

    __slots__ = ("_bar", "_since", "_task")

    def __init__(self) -> None:
        self._since: float | None = None
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        self._since = self._since or now
        if now - self._since < _PATIENCE_SECONDS or not sys.stderr.isatty():
            return
        if self._bar is None or self._task is None:
            self._bar, self._task = _open_bar()
        words = _WORDS.get(progress.stage, progress.stage)
        if progress.num_ahead:
            words += f", {progress.num_ahead} before it"
        self._bar.update(self._task, description=words, completed=progress.fraction)

    def close(self) -> None:
        self._since = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _open_bar() -> tuple[rich.progress.Progress, rich.progress.TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.start()
    return bar, bar.add_task("", total=1.0)
