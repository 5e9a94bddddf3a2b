"""Text of a model on its way to a terminal.

Must never let a control character through: an answer may be read, not drive the terminal.
Used by answering.py and render.py.
"""

from __future__ import annotations

import sys
from typing import TextIO

# C0 and C1 controls and DEL: with them a text moves the cursor, sets the title, fills the clipboard.
_VISIBLE = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if code not in (ord("\n"), ord("\t"))
}


def visible(text: str) -> str:
    """The text with control characters, but for newline and tab, written out as \\x1b."""
    return text.translate(_VISIBLE)


def show_passing(text: str) -> None:
    """A line on stderr that the next one takes the place of; nothing where stderr is no terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{visible(text)}")
        sys.stderr.flush()


_DIM, _BRIGHT = "\x1b[2m", "\x1b[22m"


class Writer:
    """Writes pieces as they come; to a terminal made visible and ended with a newline, else untouched.

    `is_dim`: paler than other text, where there is a terminal.
    """

    __slots__ = ("_file", "_is_dim", "_is_terminal", "_last")

    def __init__(self, file: TextIO | None = None, *, is_dim: bool = False) -> None:
        self._file = file or sys.stdout
        self._is_terminal = self._file.isatty()
        self._is_dim = is_dim and self._is_terminal
        self._last = "\n"

    @property
    def is_mid_line(self) -> bool:
        """Whether a terminal's cursor stands behind text that a line drawn now would wipe out."""
        return self._is_terminal and self._last != "\n"

    def write(self, text: str) -> None:
        if not text:
            return
        shown = visible(text) if self._is_terminal else text
        self._file.write(f"{_DIM}{shown}{_BRIGHT}" if self._is_dim else shown)
        self._file.flush()
        self._last = text[-1]

    def finish_line(self) -> None:
        """What follows begins a line, be it a terminal's or a file's."""
        if self._last != "\n":
            self._file.write("\n")
            self._last = "\n"

    def end(self) -> None:
        """Leave the cursor at the start of a line."""
        if self._is_terminal and self._last != "\n":
            self._file.write("\n")
            self._file.flush()
        self._last = "\n"
