"""Brings a file of this machine into the models directory's inbox, without copying it where that goes.

Must leave the file as its first owner has it: no mode of a shared file is changed, nothing is moved. Called
by taking.py.

    reflink: own file, shared blocks   hard link: one file, two names   copy   symlink: only if asked for
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hob_client.errors import InvalidRequest, NotPermitted
from hob_client.shelf.locks import lock

How = Literal["auto", "reflink", "hardlink", "copy", "symlink"]

_FICLONE = 0x40049409
_PIECE_BYTES = 1 << 20
_SPARE_BYTES = 64 << 20
_CANNOT = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EMLINK}
    | {errno.EACCES, errno.ETXTBSY}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    path: Path
    how: str  # in words
    is_ours: bool  # nobody else has this file under another name


def bring(source: Path, inbox: Path, how: How = "auto") -> Brought:
    """Raises InvalidRequest or NotPermitted if it cannot be brought so."""
    try:
        real = source.resolve(strict=True)
        status = real.stat()
    except OSError as error:
        raise InvalidRequest(f"{source} cannot be looked at ({error.strerror}); check it") from None
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequest(f"{source} is no regular file; name one that is")
    part = inbox / f"{secrets.token_hex(16)}.part"  # nobody else's, whoever imports the same just now
    for way in _ways(how):
        if (brought := _WAYS[way](real, status, part)) is not None:
            return brought
    raise NotPermitted(f"{real} cannot be brought as a {how} here; say --how copy, or leave --how out")


def _ways(how: How) -> tuple[str, ...]:
    return ("reflink", "hardlink", "copy") if how == "auto" else (how,)


def _reflink(real: Path, status: os.stat_result, part: Path) -> Brought | None:
    if sys.platform != "linux":
        return None
    import fcntl

    with real.open("rb") as source, part.open("xb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError as error:
            part.unlink()
            if error.errno in _CANNOT:
                return None
            raise
    return Brought(path=part, how="shares its blocks, and nothing else, with", is_ours=True)


def _hardlink(real: Path, status: os.stat_result, part: Path) -> Brought | None:
    """Only where admission would take the file as it is: its mode is not ours to change."""
    if not is_admissible(status):
        return None
    try:
        os.link(real, part, follow_symlinks=False)
    except OSError as error:
        if error.errno in _CANNOT:
            return None
        raise
    return Brought(path=part, how="is the same file as", is_ours=False)


def _copy(real: Path, status: os.stat_result, part: Path) -> Brought | None:
    free = shutil.disk_usage(part.parent).free
    if status.st_size + _SPARE_BYTES > free:
        raise InvalidRequest(
            f"a copy of {real.name} takes {-(-status.st_size // 10**6)} MB, and {free // 10**6} MB are free; "
            "free some space, or say --how symlink"
        )
    try:
        with real.open("rb") as source, part.open("xb") as target:
            lock(target.fileno(), alone=False)  # no leftover, while it grows
            shutil.copyfileobj(source, target, _PIECE_BYTES)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Brought(path=part, how="is a copy of", is_ours=True)


def _symlink(real: Path, status: os.stat_result, part: Path) -> Brought | None:
    if not is_admissible(status):
        raise NotPermitted(
            f"{real} belongs to another user, or others can write to it, so it would not be loaded; copy it"
        )
    part.symlink_to(real)
    return Brought(path=part, how="is a link, and goes when this goes:", is_ours=False)


def is_admissible(status: os.stat_result) -> bool:
    """As the daemon asks it of a file: of root or of us, and written by its owner alone."""
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


_WAYS: dict[str, Callable[[Path, os.stat_result, Path], Brought | None]] = {
    "reflink": _reflink,
    "hardlink": _hardlink,
    "copy": _copy,
    "symlink": _symlink,
}
