"""Opens a model file and makes sure that it is the file it should be.

Must hash the very descriptor that the worker will get, so that no other file can take its place in
between. Called by broker/admission.py, on threads: hashing releases the interpreter.

A digest is remembered only where nobody can change a file and hide it: on a file system of the kernel's
own, and for a file whose last change is long enough ago that the next one gets another ctime. Elsewhere
each load hashes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
from hob import portable

from hobd.errors import ModelUnusable
from hobd.store.catalog import Entry
from hobd.store.filesystem import keeps_ctime, kind_of
from hobd.store.record import read_record, write_record
from hobd.store.sidecar import Sha256

Mode = Literal["cached", "always", "off"]
Progress = Callable[[float], None]

_CHUNK_BYTES = 1 << 20
_MAX_REMEMBERED = 256
# A link made elsewhere changes a file's ctime and nothing else; a file that goes on changing is given up.
_MAX_ATTEMPTS = 3
# Two changes within one tick of the file system's clock have one ctime.
_TICK_NS, _COARSE_TICK_NS = 50_000_000, 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenModel:
    """An open model, at offset 0; who gets it closes `fd`. `sha256` is None if it was not verified."""

    fd: int
    sha256: str | None
    size_bytes: int
    status: os.stat_result = field(repr=False)  # as it was when it was verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is known of a file's digest without reading the file again."""

    sha256: str | None  # None: nobody has read the file as it is now, or it could have been changed since
    verified_at: float | None
    filesystem: str
    is_remembered: bool  # whether a digest is kept for files of this file system


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
            sha256 = memory.get(status) if mode == "cached" and keeps_ctime(kind_of(fd)) else None
            if sha256 is None or sha256 != (entry.sha256 or sha256):
                sha256, status = _hash(entry, fd, status, progress)
                memory.remember(status, sha256)
            _compare(entry, sha256)
        return OpenModel(fd=fd, sha256=sha256, size_bytes=status.st_size, status=status)
    except BaseException:
        os.close(fd)
        raise


def require_unchanged(entry: Entry, opened: OpenModel) -> None:
    """Raises ModelUnusable if the file behind the descriptor is not as it was when it was verified.

    Only its ctime being another may be a link that was made to it; then its digest says.
    """
    now = os.fstat(opened.fd)
    if _identity(now) == _identity(opened.status):
        return
    if not _has_same_content_times(now, opened.status):
        raise _unusable(
            entry, f"{entry.path} was changed while it was loaded; load it again when it is complete"
        )
    if opened.sha256 is not None and _hash(entry, opened.fd, now, None)[0] != opened.sha256:
        raise _unusable(entry, f"{entry.path} was changed while it was loaded; fetch it again")


def open_model(entry: Entry) -> int:
    """A descriptor of the model's file, not verified; whoever asks closes it. Raises ModelUnusable."""
    return _open(entry)[0]


def verify(entry: Entry, progress: Progress | None = None, *, memory: DigestMemory | None = None) -> str:
    """Reads the whole file and returns its digest. Raises ModelUnusable, also if another is recorded."""
    fd, status = _open(entry)
    try:
        sha256, status = _hash(entry, fd, status, progress)
        if memory is not None:
            memory.remember(status, sha256)
        _compare(entry, sha256)
        return sha256
    finally:
        os.close(fd)


def provenance(entry: Entry, memory: DigestMemory) -> Provenance:
    """What is known of a file as it is now. Reads nothing of it. Raises ModelUnusable."""
    fd, status = _open(entry)
    try:
        kind = kind_of(fd)
    finally:
        os.close(fd)
    known = memory.known(status) if keeps_ctime(kind) else None
    return Provenance(
        sha256=known.sha256 if known is not None else None,
        verified_at=known.at if known is not None else None,
        filesystem=kind,
        is_remembered=keeps_ctime(kind),
    )


# ------------------------------------------------------------------ the file


def _open(entry: Entry) -> tuple[int, os.stat_result]:
    try:
        # Non-blocking, because what was a file a moment ago may be a pipe with no writer now.
        fd = os.open(entry.path, os.O_RDONLY | portable.SAFELY | portable.NO_WAITING)
    except OSError as error:
        raise _unusable(
            entry, f"{entry.path} cannot be opened ({error.strerror}); mend or replace it"
        ) from None
    status = os.fstat(fd)
    problem = _problem(entry, status) or _link_problem(entry.path)
    if problem is not None:
        os.close(fd)
        raise _unusable(entry, problem)
    return fd, status


def _problem(entry: Entry, status: os.stat_result) -> str | None:
    path = entry.path
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is no regular file; replace it"
    if status.st_uid not in (0, portable.own_euid()):
        return f"{path} belongs to another user (uid {status.st_uid}), who could change it; copy it"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others than its owner can write to {path}; run `chmod go-w` on it, and verify the model"
    if status.st_size != entry.size_bytes:
        return f"{path} is being changed; try again when it is complete"
    return None


def _link_problem(path: Path) -> str | None:
    """Links are followed, but not those of others, who could make them lead elsewhere."""
    try:
        link = os.lstat(path)
    except OSError:
        return None  # it is open: that it goes now is no matter
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, portable.own_euid()):
        return (
            f"{path} is a link of another user (uid {link.st_uid}), who could change it; make one of your own"
        )
    return None


def _hash(
    entry: Entry, fd: int, status: os.stat_result, progress: Progress | None
) -> tuple[str, os.stat_result]:
    """The digest, and the file's state, which was the same before and after. Raises ModelUnusable."""
    for _ in range(_MAX_ATTEMPTS):
        sha256 = _read_through(entry, fd, status, progress)
        now = os.fstat(fd)
        if _identity(now) == _identity(status):
            return sha256, status
        if not _has_same_content_times(now, status):
            break
        status = now
    raise _unusable(entry, f"{entry.path} is being changed; try again when it is complete")


def _read_through(entry: Entry, fd: int, status: os.stat_result, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    done, next_report = 0, 0.0
    try:
        while count := portable.pread_into(fd, buffer, done):  # the place in the file is the worker's
            digest.update(buffer[:count])
            done += count
            if progress is not None and (fraction := min(1.0, done / status.st_size)) >= next_report:
                progress(fraction)
                next_report = min(1.0, fraction + 0.01)
    except OSError as error:
        raise _unusable(entry, f"{entry.path} cannot be read ({error.strerror}); fetch it again") from None
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


def _has_same_content_times(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


# ------------------------------------------------------------------ memory


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A digest, and when it was computed (seconds of the epoch)."""

    sha256: Sha256
    at: float


class DigestMemory:
    """Digests of files as they were when they were read; survives a lost, damaged or unwritable file."""

    def __init__(self, path: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._known = read_record(path, dict[str, Known], {})

    def get(self, status: os.stat_result) -> str | None:
        known = self.known(status)
        return known.sha256 if known is not None else None

    def known(self, status: os.stat_result) -> Known | None:
        with self._lock:
            return self._known.get(_identity(status))

    def remember(self, status: os.stat_result, sha256: str) -> None:
        """Not of a file that was changed just now: its next change could have the same times."""
        if not self._is_settled(status):
            return
        with self._lock:
            self._known.pop(_identity(status), None)
            self._known[_identity(status)] = Known(sha256=sha256, at=self._now_ns() / 1e9)
            while len(self._known) > _MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            write_record(self._path, self._known)  # a full disk costs another hashing at the next start

    def _is_settled(self, status: os.stat_result) -> bool:
        """Where ctimes are whole seconds, or all but, the clock may be that coarse."""
        tick = _TICK_NS if status.st_ctime_ns % 1_000_000_000 else _COARSE_TICK_NS
        return self._now_ns() - status.st_ctime_ns > tick
