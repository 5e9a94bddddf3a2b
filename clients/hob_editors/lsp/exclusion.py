"""Says of a path whether its file may ever be shown to a model.

Must stay pure: what ignore files say comes as text (ignore_files.py reads them). Names of secrets are built
in, and nothing lets one of them through. Called by ignore_files.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hob_client.secret_names import SECRETS
from pathspec import GitIgnoreSpec

# pass and gopass edit what they decrypted here.
_DECRYPTED = ("/dev/shm/", "/run/user/")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the ignore files of one folder say, .gitignore first."""

    folder: str  # absolute, without a slash at its end
    lines: tuple[str, ...]


@lru_cache(maxsize=256)
def _compiled(lines: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(filter(_is_pattern, lines))


def _is_pattern(line: str) -> bool:
    """Git skips what is none."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def is_secret(path: str) -> bool:
    """Whether the name alone says that it holds what nobody may see."""
    return path.startswith(_DECRYPTED) or _compiled(SECRETS).match_file(path.lower().lstrip("/"))


def is_ignored(path: str, rules: Sequence[Rules]) -> bool:
    """As git does it: the nearest folder has the last word, but nothing leaves an ignored folder."""
    parts = path.split("/")
    steps = ["/".join(parts[:depth]) + "/" for depth in range(2, len(parts))]
    return any(_verdict(step, rules) for step in [*steps, path])


def _verdict(path: str, rules: Sequence[Rules]) -> bool:
    verdict = False
    for rule in rules:  # from the outermost folder to the innermost
        if path.startswith(rule.folder + "/") and len(path) > len(rule.folder) + 1:
            said = _said(path[len(rule.folder) + 1 :], rule.lines)
            verdict = verdict if said is None else said
    return verdict


def _said(path: str, lines: tuple[str, ...]) -> bool | None:
    """By the last line that means this very path: what lines say of folders above it was asked before."""
    for pattern in reversed(_compiled(lines).patterns):
        found = pattern.match_file(path) if pattern.include is not None else None
        if found is not None and not _is_of_folder_above(found.match, path):
            return bool(pattern.include)
    return None


def _is_of_folder_above(match: re.Match[str], path: str) -> bool:
    """Pathspec marks the slash after the folder that a pattern has matched."""
    return "ps_d" in match.re.groupindex and match["ps_d"] is not None and match.end("ps_d") < len(path)
