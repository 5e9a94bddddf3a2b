"""Single keys from a terminal while something else is drawn on it.

Must leave the terminal as it found it. Used by commands/top.py.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def pressed() -> Generator[Callable[[float], str]]:
    """Gives a function that waits so many seconds for a key and returns it, or "" if there was none."""
    if not sys.stdin.isatty():
        yield _only_wait
        return
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield lambda seconds: _key(fd, seconds)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _key(fd: int, seconds: float) -> str:
    ready, _, _ = select.select([fd], [], [], seconds)
    return os.read(fd, 16).decode(errors="replace") if ready else ""


def _only_wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""
