"""Where other programs keep models on this machine, and which they have.

Must change nothing there, and skip what it cannot read or does not understand: one damaged entry must not
hide the others. Called by commands/import.py.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hob_client.errors import HobError
from hob_client.shelf import manifest
from hob_client.shelf.manifest import Layer
from hob_client.shelf.names import name_of

from hob_cli.importing.found import Found, FoundFile, is_projector, projector_of, walk

_MAX_MANIFEST_BYTES = 1 << 20
_MAX_LICENSE_BYTES = 4096
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB_FOLDER = re.compile(r"models--(.+?)--(.+)")


def folders(store: str, environ: Mapping[str, str]) -> list[Path]:
    """Where a store may be, the likeliest first."""
    home = Path(environ.get("HOME") or Path.home())
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    hub = Path(environ.get("HF_HOME") or cache / "huggingface") / "hub"
    places: dict[str, list[Path | None]] = {
        "ollama": [
            _named(environ, "OLLAMA_MODELS"),
            home / ".ollama" / "models",
            Path("/usr/share/ollama/.ollama/models"),
            Path("/var/lib/ollama/models"),
        ],
        "lmstudio": [home / ".lmstudio" / "models", cache / "lm-studio" / "models"],
        "huggingface": [_named(environ, "HF_HUB_CACHE"), hub],
        "llama.cpp": [
            _named(environ, "LLAMA_CACHE"),
            cache / "llama.cpp",
            home / "Library" / "Caches" / "llama.cpp",
        ],
    }
    return [place for place in places[store] if place is not None]


def models_of(store: str, environ: Mapping[str, str] = os.environ) -> list[Found]:
    """By name. A name that two have is told twice, and asked for by its place."""
    found = [
        model for folder in folders(store, environ) if folder.is_dir() for model in STORES[store](folder)
    ]
    return sorted(found, key=lambda model: model.name)


# ------------------------------------------------------------------ each store


def ollama(folder: Path) -> Iterator[Found]:
    """manifests/HOST/NAMESPACE/NAME/TAG names blobs by digest; blobs/sha256-… are they."""
    root = folder / "manifests"
    for path in sorted(root.glob("*/*/*/*")):
        try:
            layers = manifest.layers(json.loads(_small(path, _MAX_MANIFEST_BYTES)))
            yield _of_layers(folder / "blobs", layers, path.relative_to(root).parts)
        except (HobError, OSError, ValueError, RecursionError):
            continue


def _of_layers(blobs: Path, layers: list[Layer], place: tuple[str, ...]) -> Found:
    _, namespace, name, tag = place
    files = tuple(
        FoundFile(
            kind=layer.kind,  # type: ignore[arg-type] # one of the kinds that a part has
            path=_blob(blobs, layer),
            sha256=layer.sha256,
            title=f"adapter{at}",
        )
        for at, layer in enumerate(layers)
        if layer.kind in ("model", "projector", "adapter")
    )
    spelled = name if tag == "latest" else f"{name}-{tag}"
    origin = f"ollama:{'' if namespace == 'library' else f'{namespace}/'}{name}:{tag}"
    return Found(name=name_of(spelled), files=files, origin=origin, license=_license(blobs, layers))


def _blob(blobs: Path, layer: Layer) -> Path:
    path = blobs / f"sha256-{layer.sha256}"
    if path.stat().st_size != layer.size_bytes:
        raise ValueError("a blob that is not whole")
    return path


def _license(blobs: Path, layers: list[Layer]) -> str:
    for layer in layers:
        if layer.kind == "license":
            text = _small(_blob(blobs, layer), _MAX_LICENSE_BYTES).decode(errors="replace")
            return next((line.strip() for line in text.splitlines() if line.strip()), "")
    return ""


def huggingface(folder: Path) -> Iterator[Found]:
    """models--ORG--NAME/snapshots/COMMIT/FILE is a link to blobs/DIGEST."""
    for repository in sorted(folder.glob("models--*--*")):
        named = _HUB_FOLDER.fullmatch(repository.name)
        for snapshot in sorted((repository / "snapshots").glob("*")):
            files = sorted(walk(snapshot))
            for model in (file for file in files if not is_projector(file)):
                origin = f"hf:{named[1]}/{named[2]}/{model.relative_to(snapshot)}" if named else str(model)
                yield from _of_files(model, files, origin)


def lmstudio(folder: Path) -> Iterator[Found]:
    """PUBLISHER/REPOSITORY/FILE."""
    files = sorted(walk(folder))
    for model in (file for file in files if not is_projector(file)):
        yield from _of_files(model, files, f"lmstudio:{model.relative_to(folder)}")


def llama_cpp(folder: Path) -> Iterator[Found]:
    """PUBLISHER_REPOSITORY_FILE, side by side."""
    files = sorted(walk(folder))
    for model in (file for file in files if not is_projector(file)):
        yield from _of_files(model, [model], f"llama.cpp:{model.name}")


STORES: dict[str, Callable[[Path], Iterator[Found]]] = {
    "ollama": ollama,
    "lmstudio": lmstudio,
    "huggingface": huggingface,
    "llama.cpp": llama_cpp,
}


def _of_files(model: Path, files: list[Path], origin: str) -> Iterator[Found]:
    parts = [FoundFile(kind="model", path=model, sha256=_digest_in_name(model))]
    if (projector := projector_of(model, files)) is not None:
        parts.append(FoundFile(kind="projector", path=projector, sha256=_digest_in_name(projector)))
    if name := name_of(model.name):  # none: a part of several
        yield Found(name=name, files=tuple(parts), origin=origin)


def _digest_in_name(path: Path) -> str:
    """Blobs of large files are called what they are."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else ""


def _named(environ: Mapping[str, str], variable: str) -> Path | None:
    return Path(environ[variable]).expanduser() if environ.get(variable) else None


def _small(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)
