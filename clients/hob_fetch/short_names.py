"""The short names that come with hob: for each a source, a licence, and the digest it must have.

Must hold no entry without a digest: a short name means one file, whoever serves it. Called by main.py.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import files

from hob_fetch.failures import ModelNotFound, ModelUnusable
from hob_fetch.plan import Item, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortName:
    name: str
    source: str
    sha256: str
    license: str
    about: str
    projector_sha256: str = ""


def short_names() -> dict[str, ShortName]:
    said = tomllib.loads(files("hob_fetch").joinpath("short_names.toml").read_text())
    return {name: ShortName(name=name, **entry) for name, entry in said.items()}


def look_up(name: str) -> ShortName:
    """Raises ModelNotFound."""
    known = short_names()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `hob pull --list`"
        raise ModelNotFound(f"there is no short name {name}; {hint}")
    return known[name]


def held_to(short: ShortName, plan: Plan) -> Plan:
    """The plan of its source, with the digests of the list. ModelUnusable if the publisher says others."""
    expected = {"model": short.sha256, "projector": short.projector_sha256}
    items = []
    for item in plan.items:
        sha256 = expected.get(item.kind, "")
        if not sha256:
            continue  # not of the list
        items.append(_held(item, sha256, short.name))
    return replace(plan, name=short.name, license=short.license, items=tuple(items))


def _held(item: Item, sha256: str, name: str) -> Item:
    if item.member:
        return replace(item, member_sha256=sha256)
    if item.sha256 not in ("", sha256):
        raise ModelUnusable(
            f"the publisher of {name} has another file by now ({item.sha256[:12]}…, not {sha256[:12]}…); "
            "name its source itself if you want that one"
        )
    return replace(item, sha256=sha256)
