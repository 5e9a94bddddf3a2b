"""A chat template that stands beside a model, `NAME.jinja`, and replaces the one in the model's file.

Must hand on bytes and never look at them: a template is a program, and only a worker's renderer reads it.
Called by broker/loading.py, on a thread.
"""

from __future__ import annotations

import os
import stat

from hob import portable

from hobd.errors import ModelUnusable
from hobd.store.catalog import Entry

MAX_BYTES = 256 << 10


def read_override(entry: Entry) -> bytes | None:
    """None where nothing stands beside the model. Raises ModelUnusable."""
    if entry.template is None:
        return None
    try:
        # Non-blocking, because it may be a pipe with no writer.
        fd = os.open(entry.template, os.O_RDONLY | portable.SAFELY | portable.NO_WAITING)
        with open(fd, "rb") as file:
            problem = _problem(os.fstat(fd))
            data = b"" if problem else file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(entry, f"cannot be read ({error.strerror}); mend or remove it") from None
    if problem or not data.strip():
        raise _unusable(entry, problem or "is empty; write a chat template into it, or remove it")
    if len(data) > MAX_BYTES:
        raise _unusable(entry, f"is over {MAX_BYTES >> 10} KiB; shorten or remove it")
    return data


def _problem(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file; replace it"
    if status.st_uid not in (0, portable.own_euid()):
        return f"belongs to another user (uid {status.st_uid}), who could change it; copy it"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others than its owner; run `chmod go-w` on it"
    return ""


def _unusable(entry: Entry, problem: str) -> ModelUnusable:
    return ModelUnusable(f"{entry.name} cannot be used: {entry.template} {problem}", model=entry.name)
