"""Opens a model file and makes sure that it is the file it should be.

Must hash the very descriptor that the worker will get, so that no other file can take its place in
between. Called by broker/loading.py and api/models.py, on threads: hashing releases the interpreter.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from hobd.errors import ModelUnusable
from hobd.store.catalog import Entry
from hobd.store.sidecar import Sha256

Mode = Literal["cached", "always", "off"]
Progress = Callable[[float], None]

_CHUNK_BYTES = 1 << 20
_MAX_REMEMBERED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenModel:
    """An open model, at offset 0; who gets it closes `fd`. `sha256` is None if it was not verified."""

    fd: int
    sha256: str | None
    size_bytes: int


def open_verified(
    entry: Entry, *, mode: Mode, memory: DigestMemory, progress: Progress | None = None
) -> OpenModel:
    """The model's file, its digest known (unless `mode` is off) and as recorded, if one is recorded.

    `cached` believes a digest that was computed when the file had the same inode, size and times.
    Raises ModelUnusable.
    """
    fd, status = _open(entry)
    try:
        sha256 = None
        if mode != "off":
            sha256 = memory.get(status) if mode == "cached" else None
            if sha256 is None or sha256 != (entry.sha256 or sha256):
                sha256 = _hash(entry, fd, status, progress)
                memory.remember(status, sha256)
            _compare(entry, sha256)
        return OpenModel(fd=fd, sha256=sha256, size_bytes=status.st_size)
    except BaseException:
        os.close(fd)
        raise


def open_model(entry: Entry) -> int:
    """A descriptor of the model's file, not verified; whoever asks closes it. Raises ModelUnusable."""
    return _open(entry)[0]


def verify(entry: Entry, progress: Progress | None = None) -> str:
    """Reads the whole file and returns its digest. Raises ModelUnusable, also if another is recorded."""
    fd, status = _open(entry)
    try:
        sha256 = _hash(entry, fd, status, progress)
        _compare(entry, sha256)
        return sha256
    finally:
        os.close(fd)


# ------------------------------------------------------------------ the file


def _open(entry: Entry) -> tuple[int, os.stat_result]:
    try:
        # Non-blocking, because what was a file a moment ago may be a pipe with no writer now.
        fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise _unusable(
            entry, f"{entry.path} cannot be opened ({error.strerror}); mend or replace it"
        ) from None
    status = os.fstat(fd)
    problem = _problem(entry, status)
    if problem is not None:
        os.close(fd)
        raise _unusable(entry, problem)
    return fd, status


def _problem(entry: Entry, status: os.stat_result) -> str | None:
    path = entry.path
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is no regular file; replace it"
    if status.st_uid not in (0, os.geteuid()):
        return f"{path} belongs to another user (uid {status.st_uid}), who could change it; copy it"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others than its owner can write to {path}; run `chmod go-w` on it, and verify the model"
    if status.st_size != entry.size_bytes:
        return f"{path} is being changed; try again when it is complete"
    return None


def _hash(entry: Entry, fd: int, status: os.stat_result, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    done, next_report = 0, 0.0
    try:
        with open(fd, "rb", buffering=0, closefd=False) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                done += count
                if progress is not None and (fraction := min(1.0, done / status.st_size)) >= next_report:
                    progress(fraction)
                    next_report = min(1.0, fraction + 0.01)
        os.lseek(fd, 0, os.SEEK_SET)
    except OSError as error:
        raise _unusable(entry, f"{entry.path} cannot be read ({error.strerror}); fetch it again") from None
    if _identity(os.fstat(fd)) != _identity(status):
        raise _unusable(entry, f"{entry.path} is being changed; try again when it is complete")
    return digest.hexdigest()


def _compare(entry: Entry, sha256: str) -> None:
    if entry.sha256 not in (None, sha256):
        raise _unusable(
            entry,
            f"digest mismatch: expected {entry.sha256[:12]}…, the file has {sha256[:12]}…; fetch it again",
        )


def _unusable(entry: Entry, problem: str) -> ModelUnusable:
    return ModelUnusable(f"{entry.name} cannot be used: {problem}", model=entry.name)


def _identity(status: os.stat_result) -> str:
    """Changes with every write to the file: who sets the mtime back sets the ctime forward."""
    parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, parts))


# ------------------------------------------------------------------ memory


class DigestMemory:
    """Digests of files as they were when they were read; survives a lost, damaged or unwritable file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known = _read(path)

    def get(self, status: os.stat_result) -> str | None:
        with self._lock:
            return self._known.get(_identity(status))

    def remember(self, status: os.stat_result, sha256: str) -> None:
        with self._lock:
            self._known.pop(_identity(status), None)
            self._known[_identity(status)] = sha256
            while len(self._known) > _MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._write()

    def _write(self) -> None:
        temporary = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            with open(os.open(temporary, flags, 0o600), "wb") as file:
                file.write(msgspec.json.encode(self._known))
            os.replace(temporary, self._path)
        except OSError:
            pass  # a full disk costs another hashing at the next start


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Sha256])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
