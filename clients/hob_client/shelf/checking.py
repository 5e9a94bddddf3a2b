"""Reads a file through and says what it is: its digest, its size, and whether it begins like a model.

Must read no more of a model than its bytes: what they mean is the daemon's business, and a worker's. Used
by placing.py and by `hob import`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hob_client.errors import ModelUnusable

Progress = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 20
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    sha256: str
    size_bytes: int


def check_file(
    path: Path, *, follow: bool, title: str = "", is_model: bool = True, progress: Progress | None = None
) -> Checked:
    """`title`: what people call it. ModelUnusable for what is no file, changes, or begins like no model."""
    title = title or path.name
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be opened ({error.strerror}); look what it is") from None
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise ModelUnusable(f"{path} is no regular file; name one that is")
        checked = _read_through(fd, title, before.st_size, is_model, progress)
        after = os.fstat(fd)
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); try it again") from None
    finally:
        os.close(fd)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ModelUnusable(f"{path} is being changed; try again when it is complete")
    return checked


def _read_through(fd: int, title: str, total: int, is_model: bool, progress: Progress | None) -> Checked:
    digest, done = hashlib.sha256(), 0
    while chunk := os.read(fd, _CHUNK_BYTES):
        if not done and is_model and not chunk.startswith(_MAGIC):
            raise ModelUnusable(f"{title} is no GGUF: it begins with {chunk[:8]!r}; find the model's file")
        digest.update(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, total)
    if not done:
        raise ModelUnusable(f"{title} is empty; find the model's file")
    return Checked(sha256=digest.hexdigest(), size_bytes=done)
