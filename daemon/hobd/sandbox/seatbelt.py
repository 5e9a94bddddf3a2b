"""The profile that macOS is to hold a worker to, as text: everything is denied, then little is allowed.

Must stay pure: paths in, text out. Must never let a path become a rule: what cannot be quoted is refused.
Used by macos.py. Written from public profiles and Apple's words; no macOS has judged it yet.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError

#: `(deny default)` leaves these out; the last rule that fits decides, so exceptions come after.
_ALSO_DENIED = (
    *("network*", "process-exec*", "process-info*", "mach-lookup"),
    *("file-map-executable", "iokit-get-properties", "nvram*"),
)
_SYSTEM_CODE = ("/System/Library", "/usr/lib")
_DEVICES = ("/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")


def worker_profile(code: Iterable[str]) -> str:
    """For a worker that imports from the folders of `code`. SandboxError for one that has no place in it."""
    folders = sorted({*_SYSTEM_CODE, *map(_clean, code)})
    rules = [
        "(version 1)",
        "(deny default)",
        *(f"(deny {operation})" for operation in _ALSO_DENIED),
        _rule("file-read* file-map-executable", "subpath", folders),
        _rule("file-read-metadata", "literal", _ways(folders)),
        _rule("file-read*", "literal", _DEVICES),
        _rule("file-write-data", "literal", ("/dev/null",)),
        "(allow sysctl-read)",
        "(allow process-fork)",  # the children that read templates and media; their exec is denied as well
        "(allow process-info-pidinfo process-info-setcontrol (target self))",
        "(allow signal (target self) (target children))",
    ]
    return "\n".join(rules) + "\n"


def quoted(text: str) -> str:
    """A string of the profile's language that is `text`, whatever is in it."""
    if not text.isprintable():
        raise SandboxError(f"the path {text[:200]!r} has letters that no profile can name; {TO_RUN_WITHOUT}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _clean(path: str) -> str:
    """A folder by its one name: a profile compares letters, so `..` and a trailing slash would fit nothing.

    The root would allow every file there is.
    """
    clean = posixpath.normpath(path)
    if not clean.startswith("/") or clean.strip("/") == "":
        raise SandboxError(f"a worker may not read all of {path[:200]!r}; install hob in a folder of its own")
    return clean


def _ways(folders: Iterable[str]) -> list[str]:
    """What has to be passed to reach the folders: each folder above one, to be looked at and not listed."""
    found = {"/"}
    for folder in folders:
        while (folder := posixpath.dirname(folder)) != "/":
            found.add(folder)
    return sorted(found)


def _rule(operations: str, kind: str, paths: Iterable[str]) -> str:
    return f"(allow {operations}{''.join(f' ({kind} {quoted(path)})' for path in paths)})"
