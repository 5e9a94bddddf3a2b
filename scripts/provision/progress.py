"""One line that says how far a long step is.

Must not fill a log: without a terminal it writes a line for every tenth part.
Called by command, while a compiler or a download runs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

WIDTH = 28
TICK_SECONDS = 1.0


class Progress:
    """A context: `reach(done, total)` moves the bar; on a terminal its clock ticks by itself."""

    def __init__(self, title: str, *, terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._terminal = terminal
        self._clock = clock
        self._began = clock()
        self._done, self._total, self._tenths = 0, 0, 0
        self._drawing = threading.Lock()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        if self._terminal:
            self._ticker.start()
        else:
            _write(f"{self._title} ...\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._terminal:
            self._ticker.join()
            self._draw()
            _write("\n")

    def finish(self) -> None:
        """The step ended well."""
        if not self._terminal:
            _write(f"{self._title}: done in {self._elapsed()}\n")

    def reach(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        if self._terminal:
            self._draw()
        elif total and done * 10 // total > self._tenths:
            self._tenths = done * 10 // total
            if self._tenths < 10:
                _write(f"{self._title}: {self._tenths}0 % after {self._elapsed()}\n")

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._drawing:
            # \x1b[K clears what a longer line before this one has left.
            _write(f"\r{line(self._title, self._done, self._total, self._elapsed())}\x1b[K")

    def _elapsed(self) -> str:
        seconds = int(self._clock() - self._began)
        return f"{seconds // 60}:{seconds % 60:02}"


def line(title: str, done: int, total: int, elapsed: str) -> str:
    """`Compiling  [#####       ] 26/136  1:12`; without a total there is no bar."""
    if not total:
        return f"{title} ...  {elapsed}"
    return f"{title}  [{'#' * (WIDTH * done // total):{WIDTH}}] {done}/{total}  {elapsed}"


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
