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
import sys
from collections.abc import Mapping
from pathlib import Path

from hob import landlock
from hob_client.program_paths import program_paths

_DUMPABLE, _NO_NEW_PRIVILEGES, _END_WITH_PARENT = 4, 38, 1
_SIGKILL = 9
_TO_DIAL = ("/usr/share/ca-certificates", "/etc", "/run/systemd/resolve", "/run/resolvconf")


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
    rules = [(path, landlock.READ) for path in (*program_paths(), *_TO_DIAL, *_certificates(environ))]
    if writable is not None:
        rules.append((str(writable), landlock.KEEP_FILES))
    try:
        landlock.restrict(rules, dials=True)
    except NotImplementedError:
        return "not dumpable; its files are not confined (no Landlock)"
    writes = f"writes below {writable} only" if writable else "writes nothing"
    return f"{writes}, starts nothing, reads its program and /etc (Landlock)"


def _certificates(environ: Mapping[str, str]) -> list[str]:
    return [environ[name] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
