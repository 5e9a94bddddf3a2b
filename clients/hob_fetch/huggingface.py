"""Makes a plan of a repository of Hugging Face, or of a mirror that speaks alike.

Must ask for files of the very commit that it was told of, so that nothing changes in between. Called by
main.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hob_client.shelf.names import name_of

from hob_fetch import settings as places
from hob_fetch.failures import ModelNotFound, ModelUnusable
from hob_fetch.plan import Item, Plan
from hob_fetch.quantisation import choose_model, choose_projector
from hob_fetch.settings import Settings
from hob_fetch.source_text import Source
from hob_fetch.web import Web

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_FILES = 20_000
_MAX_PATH = 512


def plan(source: Source, web: Web, settings: Settings) -> Plan:
    base = settings.base(places.HUGGINGFACE)
    api = f"{base}/api/models/{source.place}/revision/{quote(source.revision, safe='')}?blobs=true"
    told = web.json(api)
    files, commit = _files(told), _commit(told)
    choice = choose_model(list(files), source.quantisation) if not source.path else None
    model = choice.file if choice else source.path
    if model not in files:
        raise ModelNotFound(
            f"there is no {model[:200]} in {source.place}; leave the file out to see what there is"
        )
    root = f"{base}/{source.place}/resolve/{commit}"
    items = [_item("model", model, files, root)]
    if projector := choose_projector(list(files), model):
        items.append(_item("projector", projector, files, root))
    if f"{model}.sig" in files:
        items.append(_item("signature", f"{model}.sig", files, root))
    return Plan(
        name=name_of(model),
        source=f"hf:{source.place}/{model}@{commit}",
        license=_license(told),
        items=tuple(items),
        notes=(choice.why,) if choice and choice.why else (),
    )


def _files(told: Any) -> dict[str, Mapping[str, Any]]:
    """By path. Paths are a stranger's: they are put into URLs and shown, and become no path of ours."""
    listed = told.get("siblings") if isinstance(told, dict) else None
    if not isinstance(listed, list) or len(listed) > _MAX_FILES:
        raise ModelUnusable("the hub's answer lists no files; is it the right host?")
    found = {}
    for each in listed:
        path = each.get("rfilename") if isinstance(each, dict) else None
        if isinstance(path, str) and 0 < len(path) <= _MAX_PATH and path.isprintable() and ".." not in path:
            found[path] = each
    return found


def _commit(told: Any) -> str:
    commit = told.get("sha")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ModelUnusable("the hub does not say which commit it tells of; is it the right host?")
    return commit


def _item(kind: Any, path: str, files: Mapping[str, Mapping[str, Any]], root: str) -> Item:
    """Large files have a digest there (LFS); small ones have none that says anything about bytes."""
    known = files[path]
    found = known.get("lfs")
    lfs: Mapping[str, Any] = found if isinstance(found, dict) else {}
    sha256, size = lfs.get("sha256") or lfs.get("oid"), lfs.get("size", known.get("size"))
    return Item(
        kind=kind,
        title=path.rpartition("/")[2],
        url=f"{root}/{quote(path)}",
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        sha256=sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else "",
    )


def _license(told: Mapping[str, Any]) -> str:
    card = told.get("cardData")
    said = card.get("license") if isinstance(card, dict) else ""
    return said if isinstance(said, str) else ""
