"""Runs the programs that do the work: their talk goes to a log, the user sees how far they are.

Must show the end of that log when a program fails, and say where the whole of it is.
Called by every step that installs, downloads or compiles.
"""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from provision import place
from provision.failure import SetupError
from provision.progress import Progress

SHOWN_LINES = 30
SHOWN_WIDTH = 200

# Reads how far a program is from one line that it printed: (done, total).
Reader = Callable[[str], tuple[int, int] | None]


def run(
    title: str,
    argv: Sequence[str | Path],
    *,
    log: str,
    hint: str = "",
    environ: Mapping[str, str] | None = None,
    reader: Reader | None = None,
) -> None:
    """Runs a program to its end under a progress line; `hint` is what to try should it fail."""
    log_path = place.LOGS / f"{log}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=SHOWN_LINES)
    with log_path.open("a") as written, Progress(title, terminal=place.on_terminal()) as progress:

        def on_line(text: str) -> None:
            written.write(text)
            if reader and (reached := reader(text)):
                progress.reach(*reached)
            else:
                tail.append(text)

        code = _follow(argv, environ or {}, on_line)
        if code == 0:
            progress.finish()
    if code != 0:
        _show(tail)
        raise SetupError(
            f"{title[0].lower()}{title[1:]} failed (exit status {code}); "
            f"the whole log is {place.shown(log_path)}{'; ' + hint if hint else ''}"
        )


def _follow(argv: Sequence[str | Path], environ: Mapping[str, str], on_line: Callable[[str], None]) -> int:
    try:
        child = subprocess.Popen(
            [str(word) for word in argv],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise SetupError(f"{argv[0]} is not there; remove .venv and run it again") from error
    with child:
        assert child.stdout
        try:
            for text in child.stdout:
                on_line(text)
        except BaseException:
            child.terminate()
            raise
    return child.returncode


def _show(tail: Sequence[str]) -> None:
    print("\n".join(text.rstrip()[:SHOWN_WIDTH] for text in tail), flush=True)
