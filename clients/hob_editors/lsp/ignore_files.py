"""Reads .gitignore and .hobignore of the folders that a file is in, and says whether it is excluded.

Must never read the file itself, and never let through what it could not judge. Called by hinting.py and
editing.py, by way of server.py.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from hob_editors.lsp.exclusion import Rules, is_ignored, is_secret

NAMES = (".gitignore", ".hobignore")  # the second may say otherwise than the first
_MAX_BYTES = 1 << 20
_MAX_DEPTH = 64
_Stamp = tuple[int, int, int]


class IgnoreFiles:
    """Remembers what files say for as long as they are not changed."""

    __slots__ = ("_read",)

    def __init__(self) -> None:
        self._read: dict[str, tuple[_Stamp, tuple[str, ...]]] = {}

    def excludes(self, path: str) -> bool:
        """Whether a file must not be shown to a model, by the name it has or the one that it is a link to."""
        if not path:
            return False  # a text without a file
        names = {os.path.abspath(path), os.path.realpath(path)}
        return any(is_secret(name) or is_ignored(name, self._rules(name)) for name in names)

    def _rules(self, path: str) -> list[Rules]:
        """From the folder where the repository begins; without one, of all folders there are."""
        found: list[Rules] = []
        for folder in list(PurePath(path).parents)[:_MAX_DEPTH]:
            name = str(folder).rstrip("/")
            lines = tuple(line for file in NAMES for line in self._lines(f"{name}/{file}"))
            is_top = os.path.exists(f"{name}/.git")
            if is_top:
                lines = (*self._lines(f"{name}/.git/info/exclude"), *lines)
            if lines:
                found.append(Rules(name, lines))
            if is_top:
                break
        return found[::-1]

    def _lines(self, path: str) -> tuple[str, ...]:
        try:
            stat = os.stat(path)
        except OSError:
            self._read.pop(path, None)
            return ()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            known = self._read[path] = (stamp, _read_lines(path))
        return known[1]


def _read_lines(path: str) -> tuple[str, ...]:
    """One that cannot be read, or is no list of patterns, excludes all that it is for."""
    try:
        with open(path, "rb") as file:
            said = file.read(_MAX_BYTES + 1)
        return tuple(said.decode().splitlines()) if len(said) <= _MAX_BYTES else ("*",)
    except (OSError, UnicodeDecodeError):
        return ("*",)
