"""Takes from the process that dials what it does not need, before it dials.

Must be entered before threads; what does not stand is told. Called by main.py.

It writes below one folder, reads its program and what a system has for dialling (certificates, resolvers),
and starts nothing. It sees neither your keys nor your documents, nor the models themselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_FILE, _MAKE_FILE, _REFER, _TRUNCATE = 0x20, 0x100, 0x2000, 0x4000
_DUMPABLE, _NO_NEW_PRIVILEGES, _END_WITH_PARENT = 4, 38, 1
_SIGKILL = 9
_SCOPE_SIGNALS = 2
_ALWAYS = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/ca-certificates",
    "/lib",
    "/lib64",
    "/etc",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
)


def enter(writable: Path | None, environ: Mapping[str, str]) -> str:
    """What holds this process, in words. `writable`: the folder that it may write below, if any."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    if sys.platform != "linux":
        return "not confined (not on Linux)"
    libc = ctypes.CDLL(None, use_errno=True)
    # Whom nobody listens to any more shall not go on fetching.
    for option, value in ((_DUMPABLE, 0), (_NO_NEW_PRIVILEGES, 1), (_END_WITH_PARENT, _SIGKILL)):
        libc.prctl(option, *(ctypes.c_ulong(number) for number in (value, 0, 0, 0)))
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_ulong(1))
    if version < 1:
        return "not dumpable; its files are not confined (no Landlock)"
    _restrict(libc, version, writable, _readable(environ))
    writes = f"writes below {writable} only" if writable else "writes nothing"
    return f"{writes}, starts nothing, reads its program and /etc (Landlock)"


def _readable(environ: Mapping[str, str]) -> list[str]:
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    named = [environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
    return [*_ALWAYS, *prefixes, *filter(None, sys.path), *named]


def _restrict(libc: ctypes.CDLL, version: int, writable: Path | None, readable: list[str]) -> None:
    all_rights = 0x1FFF | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    scopes = _SCOPE_SIGNALS if version >= 6 else 0
    rules, size = struct.pack("<QQQ", all_rights, 0, scopes), 24 if version >= 6 else 8
    ruleset = libc.syscall(_CREATE, rules, ctypes.c_size_t(size), ctypes.c_ulong(0))
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    try:
        for path in readable:
            _allow(libc, ruleset, path, _READ_FILE | _READ_DIR)
        ours = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_FILE | _TRUNCATE
        if writable is not None:
            _allow(libc, ruleset, str(writable), ours & all_rights)
        if libc.syscall(_RESTRICT, ruleset, ctypes.c_ulong(0)):
            raise OSError(ctypes.get_errno(), "Landlock")
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there cannot be read either
    try:
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        if libc.syscall(_ADD, ruleset, 1, struct.pack("<Qi", rights, fd), ctypes.c_ulong(0)):
            raise OSError(ctypes.get_errno(), "Landlock")
    finally:
        os.close(fd)
