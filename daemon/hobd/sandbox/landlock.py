"""The file wall: which parts of the file system a process can open at all.

Must be raised while the process has one thread: the kernel holds each thread, and those it starts later,
on its own. Fails closed. Used by linux.py; library paths come from libraries.py.

Landlock does not cover stat, chmod, UDP, listening, or Unix sockets with a path: seccomp.py has those.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError
from hobd.sandbox.hygiene import forbid_new_privileges
from hobd.sandbox.syscalls import number, this_machine

_READ_FILE, _READ_DIRECTORY, _WRITE_FILE, _IOCTL_DEVICE = 1 << 2, 1 << 3, 1 << 1, 1 << 15
#: To read files below a directory, and to list it.
READ = _READ_FILE | _READ_DIRECTORY
#: To talk to a device.
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEVICE
_ONLY_FOR_DIRECTORIES = _READ_DIRECTORY

#: Rights over files that each version of Landlock knows. What it knows is forbidden unless a rule grants it.
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
_NETWORK_SINCE, _NETWORK_RIGHTS = 4, 0x3  # bind and connect of TCP
_SCOPES_SINCE, _SCOPES = 6, 0x3  # abstract Unix sockets and signals of processes outside

_VERSION_QUESTION = 1  # LANDLOCK_CREATE_RULESET_VERSION
_RULE_PATH_BENEATH = 1

Rule = tuple[str, int]


def version() -> int:
    """What this kernel has of Landlock; 0: nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = ctypes.c_long(number("landlock_create_ruleset", this_machine()))
    return max(0, int(libc.syscall(call, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_QUESTION))))


def restrict(rules: Iterable[Rule]) -> str:
    """From now on this thread opens what the rules grant, and nothing else; how far that goes, in words.

    Paths that there are not are passed over. Raises SandboxError.
    """
    level = version()
    if not level:
        raise SandboxError(
            "this kernel has no Landlock, so a worker could open your files while it reads a model; "
            f'set security.sandbox = "no-file-wall" to accept that, or {TO_RUN_WITHOUT}'
        )
    rights = _FILE_RIGHTS[min(level, max(_FILE_RIGHTS))]
    ruleset = _create(level, rights)
    try:
        for path, granted in rules:
            _grant(ruleset, path, granted & rights)
        forbid_new_privileges()
        _check("raise", _call("landlock_restrict_self", ruleset, 0))
    finally:
        os.close(ruleset)
    return f"file wall (Landlock {level})"


def _create(level: int, rights: int) -> int:
    network = _NETWORK_RIGHTS if level >= _NETWORK_SINCE else 0
    scopes = _SCOPES if level >= _SCOPES_SINCE else 0
    # The kernel takes a longer structure only if it is zero where it knows no field.
    attributes = struct.pack("=QQQ", rights, network, scopes)
    return _check("prepare", _call("landlock_create_ruleset", attributes, len(attributes), 0))


def _grant(ruleset: int, path: str, granted: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there, or not ours to see: nothing to grant
    try:
        if not os.path.isdir(path):
            granted &= ~_ONLY_FOR_DIRECTORIES
        rule = struct.pack("=Qi", granted, place)
        _check(f"admit {path} to", _call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _call(name: str, *arguments: int | bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    as_words = (value if isinstance(value, bytes) else ctypes.c_long(value) for value in arguments)
    return int(libc.syscall(ctypes.c_long(number(name, this_machine())), *as_words))


def _check(verb: str, result: int) -> int:
    if result < 0:
        reason = os.strerror(ctypes.get_errno())
        raise SandboxError(f"the kernel did not {verb} the file wall ({reason}); {TO_RUN_WITHOUT}")
    return result
