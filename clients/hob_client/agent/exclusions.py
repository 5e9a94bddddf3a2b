"""Files that models are not shown: what .gitignore and .hobignore leave out, and what usually holds secrets.

Must hold for reading, listing, searching and writing alike, and never be lifted by a file in the project:
the patterns for secrets are not negotiable there. Used by files.py and hob_editors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hob_client.agent.confinement import Place
from hob_client.agent.values import ToolFault
from hob_client.errors import NotSupported
from hob_client.secret_names import SECRETS

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

#: Beside the names of secrets: the hooks of `.git` are programs, and a model shall not draw its own borders.
_ALSO = (".git", ".hobignore")
IGNORE_FILES = (".gitignore", ".hobignore")
_MOST_BYTES = 256 << 10


class Exclusions:
    """Asked for each path. What the ignore files say is read once a session."""

    __slots__ = ("_extra", "_folders", "_place", "_secrets")

    def __init__(self, place: Place, extra: Sequence[str] = ()) -> None:
        self._place = place
        self._secrets = _spec([*SECRETS, *_ALSO])
        self._extra = _spec(extra)
        self._folders: dict[PurePosixPath, list[GitIgnoreSpec]] = {}

    def check(self, path: PurePosixPath, *, is_folder: bool = False) -> None:
        """Raises ToolFault for a path that is left out."""
        why = self.why(path, is_folder=is_folder)
        if why:
            raise ToolFault(f"that file is kept from models: {why}; leave it alone")

    def why(self, path: PurePosixPath, *, is_folder: bool = False) -> str:
        """Empty unless the path is left out."""
        name = f"{path}/" if is_folder else str(path)
        if self._secrets.match_file(name.lower()):
            return "it may hold secrets"
        if self._extra.match_file(name):
            return "the policy leaves it out"
        for folder in [*path.parents][::-1]:
            relative = str(path.relative_to(folder)) + ("/" if is_folder else "")
            if any(spec.match_file(relative) for spec in self._ignoring(folder)):
                return ".gitignore or .hobignore leaves it out"
        return ""

    def _ignoring(self, folder: PurePosixPath) -> list[GitIgnoreSpec]:
        if folder not in self._folders:
            self._folders[folder] = [
                _spec(lines) for name in IGNORE_FILES if (lines := self._lines(folder / name))
            ]
        return self._folders[folder]

    def _lines(self, path: PurePosixPath) -> list[str]:
        """What cannot be read leaves all of its folder out: nobody knows what it would have named."""
        if not self._place.kind(path):
            return []
        try:
            data = self._place.read(self._place.inside(str(path)), _MOST_BYTES)
        except ToolFault:
            return ["*"]
        return data.decode(errors="replace").splitlines()


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    try:
        from pathspec import GitIgnoreSpec
    except ImportError:
        raise NotSupported(
            "tools are not installed; install them with `pip install 'hob[editors]'`"
        ) from None
    good = []
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue  # git passes over such lines, too
        good.append(line)
    return GitIgnoreSpec.from_lines(good)
