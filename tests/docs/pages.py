"""The code on the pages, as somebody would type it who reads them from top to bottom.

Must leave out no command that does not say where else it is run. Used by the tests beside it.

A comment before a block says if it needs another place: `<!-- run in: systemd -->`, or
`<!-- run elsewhere: why -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_BLOCK = re.compile(
    r"(?:<!-- run (?P<how>in|elsewhere): (?P<where>[^>]+?) -->\n)?"
    r"```(?P<language>sh|python)\n(?P<code>.*?)```",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`world`: where it is run; "home" unless a comment says something else, "" for nowhere here."""

    language: str
    code: str
    world: str


def blocks(page: Path) -> Iterator[Block]:
    for match in _BLOCK.finditer(page.read_text()):
        world = {"in": match["where"], "elsewhere": ""}.get(match["how"], "home")
        yield Block(language=match["language"], code=match["code"], world=world)


def script(page: Path, world: str) -> str:
    """All blocks of a page for one world, in order, for bash; empty if there are none."""
    parts = [_shell(number, block) for number, block in enumerate(blocks(page)) if block.world == world]
    return "\n".join(["set -euo pipefail", *parts]) if parts else ""


def _shell(number: int, block: Block) -> str:
    if block.language == "sh":
        return block.code
    name = f"example{number}.py"
    return f"cat > {name} <<'END_OF_EXAMPLE'\n{block.code}END_OF_EXAMPLE\npython {name}\n"
