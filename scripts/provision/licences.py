"""Under which licence each locked package comes, and whether we may use it.

Must believe neither the list nor the packages alone: where both speak they have to agree.
Called by scripts/licences, sbom.py and the tests of the supply chain.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from provision import place
from provision.locks import Pinned, pinned

LIST = place.LOCKS / "licences.toml"
_WORD = re.compile(r"[A-Za-z0-9.+-]+")
#: What packages say that do not say it in SPDX; by what the text begins with, in lower case.
_SPOKEN = {
    "mit": "MIT",
    "the mit": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "apache software": "Apache-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "mpl 2.0": "MPL-2.0",
    "mpl-2.0": "MPL-2.0",
    "mozilla public": "MPL-2.0",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "isc": "ISC",
    "python software foundation": "PSF-2.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendored:
    """Somebody else's source inside a package's."""

    name: str
    within: str
    commit: str
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Licences:
    allowed: frozenset[str]
    packages: dict[str, str]
    vendored: tuple[Vendored, ...]


def read(path: Path = LIST) -> Licences:
    listed = tomllib.loads(path.read_text())
    vendored = (Vendored(name=name, **table) for name, table in listed["vendored"].items())
    return Licences(
        allowed=frozenset(listed["allowed"]), packages=listed["packages"], vendored=tuple(vendored)
    )


def faults(licences: Licences, packages: Iterable[Pinned] | None = None) -> list[str]:
    """A sentence for everything that is not as it has to be."""
    known = list(pinned() if packages is None else packages)
    found = [
        f"{package.name} has no licence in licences.toml; look it up and add it"
        for package in known
        if package.name not in licences.packages
    ]
    gone = licences.packages.keys() - {package.name for package in known}
    found += [f"{name} is in licences.toml and in no lock; remove it" for name in sorted(gone)]
    everything = {**licences.packages, **{part.name: part.licence for part in licences.vendored}}
    for name, licence in everything.items():
        found += [
            f"{name} is under {part}, which is not allowed" for part in _refused(licence, licences.allowed)
        ]
        said = declared(name)
        if said is not None and said != licence:
            found.append(
                f"{name} says that it is under {said}, licences.toml says {licence}; look which is right"
            )
    return found


def declared(name: str) -> str | None:
    """What the installed package says, in SPDX; None where it is not installed or does not say it clearly."""
    try:
        said: PackageMetadata = metadata(name)
    except PackageNotFoundError:
        return None
    if "License-Expression" in said:
        return str(said["License-Expression"])
    texts = [str(said["License"] or "")]
    texts += [
        text.rpartition(" :: ")[2] for text in said.get_all("Classifier") or [] if text.startswith("License")
    ]
    for text in texts:
        for beginning, licence in _SPOKEN.items():
            if text.lower().startswith(beginning):
                return licence
    return None


def _refused(expression: str, allowed: frozenset[str]) -> list[str]:
    """Every licence of an expression has to be allowed; of alternatives, one."""
    for alternative in expression.replace("(", " ").replace(")", " ").split(" OR "):
        refused = [word for word in _WORD.findall(alternative) if word not in ("AND", "WITH", *allowed)]
        if not refused:
            return []
    return refused
