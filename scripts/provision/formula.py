"""Writes build/hob.rb: the formula of packaging/homebrew for a source archive that lies somewhere.

Must name the digest of the archive that this checkout makes, whoever offers it. Called by scripts/formula.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path

from provision import bundle, place
from provision.failure import SetupError

TEMPLATE = place.ROOT / "packaging" / "homebrew" / "hob.rb"
_URL = re.compile(r"https://[\w.:/~%+-]+\.tar\.gz")


def write() -> None:
    with tempfile.TemporaryDirectory(prefix="hob-formula-") as scratch:
        archive = bundle.build_sdist(Path(scratch))
        text = fill(TEMPLATE.read_text(), sys.argv[1] if len(sys.argv) > 1 else "", archive.read_bytes())
    target = place.ROOT / "build" / TEMPLATE.name
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    print(place.shown(target))


def fill(template: str, url: str, archive: bytes) -> str:
    """Raises SetupError for what is no address: it becomes part of a program."""
    if not _URL.fullmatch(url):
        raise SetupError(f"{url!r} is no https address of a .tar.gz; say URL=https://.../hob-VERSION.tar.gz")
    return template.replace("@URL@", url).replace("@SHA256@", hashlib.sha256(archive).hexdigest())
