"""Reads a small file that anybody may have put there, without waiting for a pipe or filling memory.

Must leave nothing open. Used by trust.py and signed_files.py.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from hob import portable


def read_small(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """At most one byte more than `most`, so that the caller sees a file that is too long. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | portable.SAFELY | portable.NO_WAITING)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "No regular file")
        with open(fd, "rb", closefd=False) as file:
            return file.read(most + 1), status
    finally:
        os.close(fd)
