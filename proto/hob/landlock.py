"""The kernel's wall around files (Landlock): which parts of the file system a thread can open at all.

Must need nothing but the standard library, import fast, and decide nothing: who calls says what is granted
and what it means that there is no such wall. Raise it while the process has one thread: the kernel holds each
thread, and those it starts later, on its own. Used by hobd.sandbox, hob_gateway, hob_fetch and
hob_client.agent.

Landlock does not cover stat, chmod, UDP, listening, or Unix sockets with a path: that is for seccomp.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_FILE = 1 << 5, 1 << 8
TRUNCATE, IOCTL_DEVICE = 1 << 14, 1 << 15
#: To read files below a folder, and to list it.
READ = READ_FILE | READ_FOLDER
#: To make, change and remove plain files below a folder; no links, no programs.
KEEP_FILES = READ | WRITE_FILE | REMOVE_FILE | MAKE_FILE | TRUNCATE
#: Whatever can be done with files.
ALL = (1 << 16) - 1
_FOR_FILES = EXECUTE | READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEVICE

#: Rights over files that each version of Landlock knows. What it knows is forbidden unless a rule grants it.
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
_TCP_SINCE, _TCP_RIGHTS = 4, 0x3  # bind and connect
_SCOPES_SINCE, _ABSTRACT_SOCKETS, _SIGNALS = 6, 0x1, 0x2  # of processes outside

#: The same numbers on every machine that Linux runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_QUESTION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_RULE_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

#: A path and the rights over what is there and below.
Rule = tuple[str, int]


def version() -> int:
    """What this kernel has of Landlock; 0: nothing."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE_RULESET, None, 0, _VERSION_QUESTION))


def restrict(rules: Iterable[Rule], *, dials: bool = False) -> int:
    """From now on this thread opens what the rules grant and nothing else; the kernel's version of Landlock.

    Without TCP and abstract sockets, too, where the kernel can, unless it `dials`. Paths that are missing
    are passed over. Raises OSError, with the path if it is about one; NotImplementedError without Landlock.
    """
    level = version()
    if not level:
        raise NotImplementedError("this kernel has no Landlock")
    rights = _FILE_RIGHTS[min(level, max(_FILE_RIGHTS))]
    ruleset = _create(level, rights, dials=dials)
    try:
        for path, granted in rules:
            _grant(ruleset, path, granted & rights)
        _check(_libc().prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        _check(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return level


def _create(level: int, rights: int, *, dials: bool) -> int:
    network = _TCP_RIGHTS if level >= _TCP_SINCE and not dials else 0
    scopes = _SIGNALS | (0 if dials else _ABSTRACT_SOCKETS) if level >= _SCOPES_SINCE else 0
    # The kernel takes a longer structure only if it is zero where it knows no field.
    attributes = struct.pack("=QQQ", rights, network, scopes)
    return _check(_call(_CREATE_RULESET, attributes, len(attributes), 0))


def _grant(ruleset: int, path: str, granted: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there, or not ours to see: nothing to grant
    try:
        if not os.path.isdir(path):
            granted &= _FOR_FILES
        rule = struct.pack("=Qi", granted, place)
        _check(_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0), path)
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: int | bytes | None) -> int:
    as_words = (value if isinstance(value, bytes | None) else ctypes.c_long(value) for value in arguments)
    return int(_libc().syscall(ctypes.c_long(number), *as_words))


def _check(result: int, path: str | None = None) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return result
