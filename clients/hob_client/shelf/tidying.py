"""What belongs to a model, what was left behind, and what all of it takes on the disk.

Must remove nothing that it did not list first, and never what a link leads to. Used by `hob models`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hob_client.errors import NotPermitted
from hob_client.shelf.locks import lock
from hob_client.shelf.placing import INCOMING

_ADAPTERS = ".adapters"
_SCRATCH = re.compile(r"\..+\.(toml|gguf)\.\d+")
_BESIDE = (".toml", ".jinja", ".gguf.sig", ".mmproj.gguf", ".mmproj.toml", _ADAPTERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    path: Path
    what: str
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a model takes. `shared_bytes` are of files that have other names elsewhere too."""

    path: Path
    num_bytes: int
    shared_bytes: int
    linked_to: str  # where a link leads; empty for a file


def belongings(model: Path) -> list[Path]:
    """All that is there for this model alone, itself first. What a sidecar names may be another's too."""
    stem = model.name.removesuffix(".gguf")
    beside = [model.with_name(f"{stem}{ending}") for ending in _BESIDE]
    beside += [model.with_name(f"mmproj-{stem}{ending}") for ending in (".gguf", ".toml")]
    return [model, *(path for path in beside if os.path.lexists(path))]


def remove(paths: Sequence[Path]) -> int:
    """The bytes that were let go. In their order, so that a model is gone before what stands beside it."""
    freed = 0
    for path in paths:
        freed += _freed_by(path)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise NotPermitted(
                f"{error.filename or path} cannot be removed ({error.strerror}); look whose it is"
            ) from None
    return freed


def _freed_by(path: Path) -> int:
    """Nothing, if the file has another name elsewhere."""
    return 0 if not path.is_dir() and _shared(path) else size_of(path)


def leftovers(models: Path) -> list[Leftover]:
    """What no model needs: parts of downloads that nobody fetches, and what stands beside nothing."""
    found = list(_parts(models / INCOMING))
    for folder in _folders(models):
        found += _orphans(folder)
    return found


def usage(models: Path) -> list[Use]:
    """Of each model, with what belongs to it."""
    return [
        Use(
            path=path,
            num_bytes=sum(size_of(each) for each in belongings(path)),
            shared_bytes=_shared(path),
            linked_to=os.readlink(path) if path.is_symlink() else "",
        )
        for folder in _folders(models)
        for path in _models(folder)
    ]


def size_of(path: Path) -> int:
    """As the disk counts it, with all below; a link counts as itself."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    own = status.st_blocks * 512
    if path.is_dir() and not path.is_symlink():
        return own + sum(size_of(each) for each in _list(path))
    return own


# ------------------------------------------------------------------ looking


def _models(folder: Path) -> Iterator[Path]:
    for path in _list(folder):
        is_projector = path.name.startswith("mmproj-") or path.name.endswith(".mmproj.gguf")
        if path.suffix == ".gguf" and not path.name.startswith(".") and not is_projector and path.is_file():
            yield path


def _folders(models: Path) -> Iterator[Path]:
    """As the daemon looks: the directory and one level below."""
    yield models
    for path in _list(models):
        if path.is_dir() and path.suffix != _ADAPTERS and not path.name.startswith("."):
            yield path


def _parts(incoming: Path) -> Iterator[Leftover]:
    """A part that is locked is being fetched, and so is its record."""
    busy = {path.stem for path in _list(incoming) if path.suffix == ".part" and _is_locked(path)}
    for path in _list(incoming):
        if path.name != "lock" and path.stem not in busy:
            yield Leftover(path=path, what="part of a download", num_bytes=size_of(path))


def _orphans(folder: Path) -> Iterator[Leftover]:
    names = {path.name for path in _list(folder)}
    for path in _list(folder):
        if path.is_symlink() and path.suffix == ".gguf" and not path.exists():
            yield Leftover(path=path, what="link to what is gone", num_bytes=size_of(path))
        elif _SCRATCH.fullmatch(path.name):
            yield Leftover(path=path, what="half-written file", num_bytes=size_of(path))
        elif (owner := _owner(path.name)) and f"{owner}.gguf" not in names:
            yield Leftover(path=path, what="belongs to a model that is gone", num_bytes=size_of(path))


def _owner(name: str) -> str:
    """Whose file that is, if it is somebody's; the longest ending counts."""
    if name.startswith("."):
        return ""
    if name.startswith("mmproj-") and name.endswith((".gguf", ".toml")):
        return ""  # as published: some sidecar may name it
    for ending in sorted(_BESIDE, key=len, reverse=True):
        if name.endswith(ending):
            return name.removesuffix(ending)
    return ""


def _shared(path: Path) -> int:
    try:
        return size_of(path) if not path.is_symlink() and path.lstat().st_nlink > 1 else 0
    except OSError:
        return 0


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        lock(fd, alone=True)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _list(folder: Path) -> Iterable[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []
