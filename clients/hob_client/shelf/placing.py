"""Puts a model into the models directory: whole, checked, under its name, or not at all.

Must make the model itself visible last, and never replace one that is there. Whoever may have written a part
has to be gone when it is checked here. Used by `hob pull` and `hob import`.

    .incoming/KEY.part ─> digest ─> mode 0444, fsync ─> NAME.mmproj.gguf, NAME.toml ─> NAME.gguf
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hob_client.errors import Busy, HobError, InvalidRequest, ModelUnusable, NotPermitted
from hob_client.shelf.locks import lock
from hob_client.shelf.names import check_name
from hob_client.shelf.sidecar import recorded_sha256

Kind = Literal["model", "projector", "adapter", "signature"]

INCOMING = ".incoming"
_ORDER: tuple[Kind, ...] = ("adapter", "projector", "signature", "model")
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file that lies in `.incoming`, checked. One that is shared with its first owner keeps its mode."""

    path: Path
    kind: Kind
    sidecar: str = ""  # the text of what shall stand beside it
    title: str = ""  # an adapter's name
    is_ours: bool = True


def incoming(models: Path) -> Path:
    """Where files lie until they are whole: hidden, and where a rename into place is one."""
    folder = models / INCOMING
    try:
        models.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise NotPermitted(
            f"{folder} cannot be made ({error.strerror}); may you write to the models directory?"
        ) from None
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise NotPermitted(
            f"{folder} must be yours and closed to others; run `chmod 700` on it, or remove it"
        )
    return folder


def find(models: Path, name: str) -> Path | None:
    """The model of this name, in any case of letters, in the directory or one below, as the daemon looks."""
    wanted = f"{name}.gguf".casefold()
    below = sorted(path for path in _list(models) if path.is_dir() and not path.name.startswith("."))
    for folder in (models, *(path for path in below if path.suffix != ".adapters")):
        for path in sorted(_list(folder)):
            if path.name.casefold() == wanted and not path.is_dir():
                return path
    return None


def require_free(models: Path, name: str) -> None:
    """Raises InvalidRequest if a model has the name."""
    if (there := find(models, check_name(name))) is not None:
        raise InvalidRequest(
            f"{there} is there already; name another with --as, or `hob models rm {name}` first"
        )


def place(models: Path, name: str, parts: Sequence[Part]) -> Path:
    """The model's path. Raises InvalidRequest if the name is taken; then nothing was changed."""
    final = models / f"{check_name(name)}.gguf"
    with _locked(incoming(models) / _LOCK), _in_words(models):
        require_free(models, name)
        for part in parts:
            _settle(part)
        for part in sorted(parts, key=lambda part: _ORDER.index(part.kind)):
            destination = _destination(final, part)
            destination.parent.mkdir(mode=0o755, exist_ok=True)
            if part.sidecar:
                _write_sidecar(destination.with_suffix(".toml"), part.sidecar)
                _sync_folder(destination.parent)
            os.replace(part.path, destination)
        _sync_folder(models)
    return final


@contextlib.contextmanager
def held(part: Path) -> Iterator[None]:
    """Meanwhile nobody fetches it, cuts it, or takes it for a leftover. Raises Busy, ModelUnusable."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(part, flags)
    except OSError as error:
        if part.is_symlink():  # nobody writes through it
            yield
            return
        raise ModelUnusable(f"{part} cannot be opened ({error.strerror}); fetch it again") from None
    try:
        lock(fd, alone=False)
        yield
    except BlockingIOError:
        raise Busy("another `hob pull` is fetching this file; wait for it") from None
    finally:
        os.close(fd)


def write_whole(path: Path, text: str) -> None:
    """All of it or nothing, on the disk when this returns."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def _destination(final: Path, part: Part) -> Path:
    if part.kind == "projector":
        return final.with_suffix(".mmproj.gguf")
    if part.kind == "signature":
        return final.with_name(f"{final.name}.sig")
    if part.kind == "adapter":
        return final.with_suffix(".adapters") / f"{check_name(part.title)}.gguf"
    return final


def _settle(part: Part) -> None:
    """On the disk, and of a mode that admission takes. A link, or what is shared, is left as it is."""
    if part.path.is_symlink():
        return
    fd = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if part.is_ours:
            os.fchmod(fd, 0o444)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_sidecar(path: Path, text: str) -> None:
    """What a killed placing left is as good as ours; what a person wrote there is not ours to replace."""
    if path.exists() and recorded_sha256(path.read_text(errors="replace")) != recorded_sha256(text):
        raise InvalidRequest(f"{path} stands there without its model; move it away, then try again")
    if not path.exists():
        write_whole(path, text)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One at a time between looking whether a name is free and taking it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        lock(fd, alone=True, wait=True)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def _in_words(models: Path) -> Iterator[None]:
    try:
        yield
    except HobError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelUnusable(f"the disk of {models} is full; free some space, then try again") from None
        raise NotPermitted(
            f"{error.filename or models} cannot be written ({error.strerror}); check whose it is"
        ) from None


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
