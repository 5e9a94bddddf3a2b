"""A model that was found on this machine, and models among a user's own files.

Must read no file: names and places say which is a model and what belongs to it. Used by stores.py and
commands/import.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob_client.errors import InvalidRequest, ModelNotFound
from hob_client.shelf.names import name_of
from hob_client.shelf.placing import Kind

_MAX_DEPTH = 6
_MAX_FILES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    kind: Kind
    path: Path
    sha256: str = ""  # as its store calls it; empty: nobody says
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """`name`: what it would be called here. `origin`: where it is from, for people."""

    name: str
    files: tuple[FoundFile, ...]
    origin: str
    license: str = ""

    @property
    def model(self) -> Path:
        return next(file.path for file in self.files if file.kind == "model")

    @property
    def size_bytes(self) -> int:
        return sum(file.path.stat().st_size for file in self.files if file.path.exists())


def among(path: Path) -> list[Found]:
    """The models that a path means: itself, or all below it. Raises ModelNotFound."""
    if not path.exists():
        raise ModelNotFound(f"there is no {path}; check its spelling")
    if path.is_file():
        if path.suffix.lower() != ".gguf":
            raise InvalidRequest(f"{path.name} does not end with .gguf; name a model's file")
        return [_found(path, [path])]
    files = sorted(walk(path))
    models = [file for file in files if not is_projector(file)]
    if not models:
        raise ModelNotFound(f"there is no .gguf file below {path}; name another directory")
    return [_found(model, files) for model in models]


def walk(folder: Path, depth: int = 0) -> Iterator[Path]:
    """GGUF files below a folder, bounded in depth; hidden folders are no place for models."""
    try:
        listed = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in listed[:_MAX_FILES]:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < _MAX_DEPTH:
                yield from walk(Path(entry.path), depth + 1)
        elif entry.name.lower().endswith(".gguf") and entry.is_file():
            yield Path(entry.path)


def is_projector(path: Path) -> bool:
    return "mmproj" in path.name.lower()


def projector_of(model: Path, files: Sequence[Path]) -> Path | None:
    """By its name, or by being the only one beside the only model."""
    beside = [file for file in files if file.parent == model.parent]
    projectors = [file for file in beside if is_projector(file)]
    named = {f"mmproj-{model.name}", f"{model.stem}.mmproj.gguf"}
    for projector in projectors:
        if projector.name in named:
            return projector
    return projectors[0] if len(projectors) == 1 and len(beside) == 2 else None


def _found(model: Path, files: Sequence[Path]) -> Found:
    parts = [FoundFile(kind="model", path=model)]
    if (projector := projector_of(model, files)) is not None:
        parts.append(FoundFile(kind="projector", path=projector))
    return Found(name=name_of(model.name), files=tuple(parts), origin=str(model))
