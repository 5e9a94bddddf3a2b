"""A bill of materials: what hob consists of, in CycloneDX 1.6.

Must name no host and no path, and be the same for the same locks: no clock, no machine.
Called by scripts/sbom; the result is for releases and is not committed.
"""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from hob.version import VERSION
from packaging.requirements import Requirement

from provision import place
from provision.licences import Licences, Vendored, read
from provision.locks import Pinned, pinned

TARGET = place.ROOT / "build" / "sbom.cdx.json"
_SHIPPED = ("daemon", "engine", "save", "gateway", "editors", "fetch")  # the extras of a whole installation
_NAMESPACE = uuid.UUID("6c0b8bd6-51f4-4f52-9dd1-0f8a4f2f0b0e")


def write() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    bill = make(pinned(), read(), closure("hob", _SHIPPED))
    TARGET.write_text(json.dumps(bill, indent=1) + "\n")
    print(f"{place.shown(TARGET)}: {len(bill['components'])} components")


def make(packages: Iterable[Pinned], licences: Licences, shipped: dict[str, set[str]]) -> dict[str, Any]:
    """`shipped`: what runs with hob, and what each of it needs; all else builds and tests it."""
    project = tomllib.loads((place.ROOT / "pyproject.toml").read_text())["project"]
    components = [_component(package, licences, package.name in shipped) for package in packages]
    for part in licences.vendored:
        whole = next(component for component in components if component["name"] == part.within)
        whole["components"] = [*whole.get("components", []), _part(part)]
    names = {component["name"]: component["bom-ref"] for component in components} | {"hob": "hob"}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "hob",
                "name": "hob",
                "version": VERSION,
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": names[name], "dependsOn": sorted(names[needed] for needed in needs if needed in names)}
            for name, needs in sorted(shipped.items())
            if name in names
        ],
    }
    number = uuid.uuid5(_NAMESPACE, json.dumps(bill, sort_keys=True))
    return {**bill, "serialNumber": f"urn:uuid:{number}"}


def closure(name: str, extras: Iterable[str]) -> dict[str, set[str]]:
    """What an installation of `name` brings along here, and what needs what."""
    found: dict[str, set[str]] = {}
    waiting = [(name, tuple(extras))]
    while waiting:
        package, wanted = waiting.pop()
        if package in found:
            continue
        needed = dict(_needs(package, wanted))
        found[package] = set(needed)
        waiting += needed.items()
    return found


def _needs(package: str, extras: tuple[str, ...]) -> Iterable[tuple[str, tuple[str, ...]]]:
    try:
        lines = requires(package) or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement.name.lower().replace("_", "-"), tuple(requirement.extras)


def _component(package: Pinned, licences: Licences, is_shipped: bool) -> dict[str, Any]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "scope": "required" if is_shipped else "excluded",
        "purl": purl,
        "licenses": [{"expression": licences.packages[package.name]}],
        # Of the files that may be installed for it, one for each platform: no digest of the component itself.
        "properties": [
            *({"name": "hob:lock", "value": lock} for lock in package.locks),
            *({"name": "hob:file:sha256", "value": digest} for digest in package.digests),
        ],
    }


def _part(part: Vendored) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": f"{part.within}/{part.name}",
        "name": part.name,
        "version": part.commit,
        "licenses": [{"expression": part.licence}],
    }
