"""Takes one found model over: brought, checked, placed, its parts gone if anything is wrong.

Must place nothing whose digest is not what its store says. Called by commands/import.py.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hob_client.errors import ModelUnusable, NotPermitted
from hob_client.shelf import placing
from hob_client.shelf.checking import check_file
from hob_client.shelf.placing import Part
from hob_client.shelf.sidecar import Sidecar, render

from hob_cli.importing.bringing import Brought, How, bring
from hob_cli.importing.found import Found, FoundFile

#: A file, bytes read of it, bytes there are.
Progress = Callable[[FoundFile, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    model: str
    path: str
    sha256: str
    how: str  # in words: what the file is now to the one that it was
    origin: str


def take(found: Found, name: str, models: Path, how: How, progress: Progress) -> Taken:
    """Raises HobError; then nothing is to be seen of it."""
    placing.require_free(models, name)  # it has a name, too
    inbox, came = placing.incoming(models), list[_Came]()
    try:
        with ExitStack() as stack:
            for file in found.files:
                came.append(_Came(file=file, brought=bring(file.path, inbox, how)))
                stack.enter_context(placing.held(came[-1].brought.path))
            parts = [_checked(found, each, progress) for each in came]
            path = placing.place(models, name, parts)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        why = "the disk is full" if full else f"{error.filename} cannot be used ({error.strerror})"
        raise NotPermitted(f"{name} was not imported: {why}; mend that, then try again") from None
    finally:
        for each in came:
            each.brought.path.unlink(missing_ok=True)
    model = next(each for each in came if each.file.kind == "model")
    return Taken(model=name, path=str(path), sha256=model.sha256, how=model.brought.how, origin=found.origin)


@dataclass(slots=True, kw_only=True)
class _Came:
    """A file on its way: from where, to where, and its digest once that is known."""

    file: FoundFile
    brought: Brought
    sha256: str = ""


def _checked(found: Found, came: _Came, progress: Progress) -> Part:
    file, path = came.file, came.brought.path
    checked = check_file(
        path, follow=True, title=file.path.name, progress=lambda done, total: progress(file, done, total)
    )
    came.sha256 = checked.sha256
    if file.sha256 not in ("", checked.sha256):
        raise ModelUnusable(
            f"{file.path} is not what its store says ({checked.sha256[:12]}…, not {file.sha256[:12]}…); "
            "have that program fetch it again"
        )
    is_model = file.kind == "model"
    said = Sidecar(
        sha256=checked.sha256,
        license=found.license if is_model else "",
        source=found.origin if is_model else "",
    )
    return Part(
        path=path, kind=file.kind, sidecar=render(said), title=file.title, is_ours=came.brought.is_ours
    )
