"""Makes a plan of a container registry: Ollama's, or any that keeps artifacts as OCI says.

Must find every blob by its digest, and give a token of the user's to the registry alone: where the registry
sends us to be let in, nobody learns who we are. Called by main.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from hob_client.shelf import manifest
from hob_client.shelf.manifest import Layer
from hob_client.shelf.names import name_of

from hob_fetch import caution
from hob_fetch import settings as places
from hob_fetch.failures import ModelUnusable, NotPermitted
from hob_fetch.plan import MAX_FILES, Item, Plan
from hob_fetch.settings import Settings
from hob_fetch.source_text import Source
from hob_fetch.web import Web, parsed

_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
    )
)
_FIELD = re.compile(r'(realm|service|scope)="([^"]{0,1000})"')
_LICENSE_BYTES = 256 << 10


def plan(source: Source, web: Web, settings: Settings) -> Plan:
    base = settings.base(places.OLLAMA) if source.scheme == "ollama" else _base(source.place)
    root = f"{base}/v2/{source.path}"
    _let_in(web, root, source.revision)
    told = _manifest(web, root, source.revision)
    if isinstance(told, dict) and "manifests" in told:
        told = _manifest(web, root, f"sha256:{manifest.only_manifest(told)}")
    layers = manifest.layers(told)
    items = tuple(_item(layer, root, at) for at, layer in enumerate(layers) if layer.kind in _FETCHED)
    return Plan(
        name=_name(source, layers),
        source=_source(source),
        license=_license(web, root, layers),
        items=items[:MAX_FILES],
        notes=_notes(layers),
    )


_FETCHED = ("model", "projector", "adapter")


def _base(host: str) -> str:
    """By https, but for a registry of this machine's own."""
    url = caution.checked(f"https://{host}")
    return f"http://{host}" if caution.is_loopback(url) else f"https://{host}"


# ------------------------------------------------------------------ being let in


def _let_in(web: Web, root: str, revision: str) -> None:
    """Registries want a token even from those who are nobody; whom they name gives one."""
    url = f"{root}/manifests/{revision}"
    if web.has_token(url):
        return
    with web.stream(url, {"Accept": _ACCEPT}) as response:
        if response.status_code != 401:
            return
        fields = dict(_FIELD.findall(response.headers.get("www-authenticate", "")[:4096]))
    if "realm" not in fields:
        return  # the next request is told why
    asked = {key: fields[key] for key in ("service", "scope") if key in fields}
    realm = caution.redirected(caution.checked(url), fields["realm"]).copy_merge_params(asked)
    told = web.json(str(realm))
    token = (told.get("token") or told.get("access_token")) if isinstance(told, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or len(token) > 16384:
        raise NotPermitted(
            f"{caution.shown(realm)} gives nobody a token; the registry wants one of yours in [tokens]"
        )
    web.learn_token(url, token)


def _manifest(web: Web, root: str, revision: str) -> Any:
    body, _ = web.document(f"{root}/manifests/{revision}", {"Accept": _ACCEPT}, most=1 << 20)
    if revision.startswith("sha256:") and hashlib.sha256(body).hexdigest() != revision[7:]:
        raise ModelUnusable("the registry's manifest is not the one with that digest; try another mirror")
    return parsed(body)


# ------------------------------------------------------------------ what there is


def _item(layer: Layer, root: str, at: int) -> Item:
    kind: Any = layer.kind
    return Item(
        kind=kind,
        title=f"adapter{at}" if kind == "adapter" else layer.title.rpartition("/")[2] or kind,
        url=f"{root}/blobs/sha256:{layer.sha256}",
        size_bytes=layer.size_bytes,
        sha256=layer.sha256,
    )


def _name(source: Source, layers: Sequence[Layer]) -> str:
    """name-tag, and name alone for the latest; by digest, what the file is called."""
    name = source.path.rpartition("/")[2]
    if source.revision.startswith("sha256:"):
        title = next(layer.title for layer in layers if layer.kind == "model")
        return name_of(title or name)
    return name_of(name if source.revision == "latest" else f"{name}-{source.revision}")


def _source(source: Source) -> str:
    if source.scheme == "ollama":
        return f"ollama:{source.path.removeprefix('library/')}:{source.revision}"
    return f"oci://{source.place}/{source.path}{'@' if ':' in source.revision else ':'}{source.revision}"


def _license(web: Web, root: str, layers: Sequence[Layer]) -> str:
    """The first line of its text. It is worth a line, and no failure."""
    for layer in layers:
        if layer.kind == "license" and layer.size_bytes <= _LICENSE_BYTES:
            body, _ = web.document(f"{root}/blobs/sha256:{layer.sha256}", most=_LICENSE_BYTES)
            if hashlib.sha256(body).hexdigest() != layer.sha256:
                raise ModelUnusable("the registry sends another license than it lists; try another mirror")
            return next(
                (line.strip() for line in body.decode(errors="replace").splitlines() if line.strip()), ""
            )
    return ""


def _notes(layers: Sequence[Layer]) -> tuple[str, ...]:
    left = sum(layer.kind == "" for layer in layers)
    return (f"left {left} layers that are for other programs (templates, parameters)",) if left else ()
