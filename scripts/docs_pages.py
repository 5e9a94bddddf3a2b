"""Adds to the site the pages that nobody writes by hand, and those that lie elsewhere in the repository.

Must leave no file behind. Called by mkdocs, as a hook.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from provision import place, reference

_MADE = {
    "reference/commands.md": reference.commands,
    "reference/configuration.md": reference.configuration,
    "reference/protocol.md": reference.protocol,
}
_TAKEN = {
    "explanation/security.md": "SECURITY.md",
    "explanation/architecture.md": "ARCHITECTURE.md",
    "explanation/changes.md": "CHANGELOG.md",
}
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """`files` and what is made for them."""
    for path, make in _MADE.items():
        files.append(File.generated(config, path, content=make()))
    for path, source in _TAKEN.items():
        files.append(File.generated(config, path, content=_moved((place.ROOT / source).read_text())))
    return files


def _moved(text: str) -> str:
    """Links between these pages go on working; those to sources say what they name."""
    pages = {source: Path(path).name for path, source in _TAKEN.items()}

    def follow(match: re.Match[str]) -> str:
        target, _, anchor = match[2].partition("#")
        if target in pages:
            return f"[{match[1]}]({pages[target]}{'#' + anchor if anchor else ''})"
        return match[1] if "`" in match[1] else f"`{match[1]}`"

    return _LINK.sub(follow, text)
