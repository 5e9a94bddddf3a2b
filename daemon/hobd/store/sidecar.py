"""What stands beside a model file: `NAME.toml`, with its digest, license, aliases, source, draft
and projector.

Must refuse what it does not know, because a misspelt `sha256` would silently verify nothing.
Called by catalog.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

_MAX_BYTES = 64 << 10

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class SidecarError(Exception):
    """One sentence: which file, what is wrong in it."""


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it may be missing."""

    sha256: Sha256 | None = None
    license: Line | None = None
    aliases: Annotated[tuple[Line, ...], msgspec.Meta(max_length=32)] = ()
    source: Line | None = None  # where it came from, for people
    draft: Line | None = None  # the model that guesses for it: a smaller one with the same vocabulary
    projector: Annotated[str, msgspec.Meta(pattern=r"^[^/]+\.gguf$", max_length=200)] | None = (
        None  # beside it
    )


def read_sidecar(path: Path) -> Sidecar:
    """Raises SidecarError."""
    import tomllib  # most models have none

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise SidecarError(f"{path} is over {_MAX_BYTES >> 10} KiB; shorten it")
        sidecar = msgspec.convert(tomllib.loads(data.decode()), Sidecar)
    except OSError as error:
        raise SidecarError(f"{path} cannot be read ({error.strerror}); mend or remove it") from None
    except msgspec.ValidationError as error:
        raise SidecarError(f"{path} is wrong: {error}; mend or remove it") from None
    except UnicodeDecodeError:
        raise SidecarError(f"{path} is not UTF-8; mend or remove it") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SidecarError(f"{path} is no TOML: {error}; mend or remove it") from None
    if not all(line.isprintable() for line in (sidecar.license or "", sidecar.draft or "", *sidecar.aliases)):
        raise SidecarError(f"{path} has unprintable letters in an alias, draft or license; mend or remove it")
    return sidecar
