"""Reads manifests of container registries, in which Ollama and others publish models: which blob is what.

Must believe no name or path in one, and no digest that is not one: a blob is found by its digest alone.
Pure. Used by hob_fetch for registries, and by `hob import` for what Ollama has on the disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hob_client.errors import ModelUnusable

MAX_LAYERS = 128
MAX_BLOB_BYTES = 1 << 42
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
#: What kinds of layers there are, by how their types begin; the daemon knows no others.
_KINDS = {
    "application/vnd.ollama.image.model": "model",
    "application/vnd.ollama.image.projector": "projector",
    "application/vnd.ollama.image.adapter": "adapter",
    "application/vnd.ollama.image.license": "license",
    "application/vnd.docker.ai.gguf": "model",
    "application/vnd.docker.ai.mmproj": "projector",
    "application/vnd.docker.ai.license": "license",
    "application/vnd.cncf.model.weight": "model",
}
_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    kind: str  # model, projector, adapter, license; empty for what is not for us
    sha256: str
    size_bytes: int
    title: str  # what its publisher calls the file; a word of a stranger's


def digest_of(text: object) -> str:
    """The hexadecimal digits of `sha256:…`. Raises ModelUnusable for anything else."""
    found = _DIGEST.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ModelUnusable("the manifest has a digest that is no SHA-256; ask its publisher")
    return found[1]


def layers(manifest: object) -> list[Layer]:
    """Its layers in order; one model among them. Raises ModelUnusable."""
    listed = manifest.get("layers") if isinstance(manifest, Mapping) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_LAYERS:
        raise ModelUnusable("the manifest lists no files; ask its publisher")
    found = [_layer(each) for each in listed]
    models = [layer for layer in found if layer.kind == "model"]
    if len(models) != 1:
        raise ModelUnusable(
            f"the manifest lists {len(models) or 'no'} GGUF models, and hob takes one file; name another"
        )
    return found


def only_manifest(index: Mapping[str, Any]) -> str:
    """The digest of the one manifest of an index. Raises ModelUnusable if it lists several."""
    listed = index.get("manifests")
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], Mapping):
        raise ModelUnusable("the registry has several variants there; name one by its digest (repo@sha256:…)")
    return digest_of(listed[0].get("digest"))


def _layer(listed: object) -> Layer:
    if not isinstance(listed, Mapping):
        raise ModelUnusable("the manifest is none; ask its publisher")
    size, kind = listed.get("size"), listed.get("mediaType")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_BLOB_BYTES:
        raise ModelUnusable("the manifest has a size that is none; ask its publisher")
    notes = listed.get("annotations")
    title = notes.get(_TITLE) if isinstance(notes, Mapping) else ""
    title = title if isinstance(title, str) else ""
    return Layer(
        kind=_kind(kind if isinstance(kind, str) else "", title),
        sha256=digest_of(listed.get("digest")),
        size_bytes=size,
        title=title[:200],
    )


def _kind(media_type: str, title: str) -> str:
    for beginning, kind in _KINDS.items():
        if media_type.startswith(beginning):
            return kind
    if not title.lower().endswith(".gguf"):
        return ""
    return "projector" if "mmproj" in title.lower() else "model"
