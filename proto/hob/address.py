"""Where the doors are on each system; nothing else.

Must stay free of imports beyond the standard library: the CLI reads it before anything heavy.
Used by the daemon to bind and by every client to connect.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

SOCKET_NAME = "hob.sock"
# sockaddr_un.sun_path less its terminating zero: 108 bytes on Linux, 104 on macOS and the BSDs.
MAX_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103


def socket_path() -> Path:
    """The owner's door: `$HOB_SOCKET`, else `hob/hob.sock` in the user's runtime directory."""
    named = os.environ.get("HOB_SOCKET")
    return Path(named) if named else runtime_dir() / SOCKET_NAME


def runtime_dir() -> Path:
    """The directory of the doors: private to the user, and gone after a reboot where a system can do that."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base:
        return Path(base) / "hob"
    if sys.platform == "linux":
        logind = Path(f"/run/user/{os.getuid()}")
        if logind.is_dir() and logind.stat().st_uid == os.getuid():
            return logind / "hob"
    tmp = os.environ.get("TMPDIR", "/tmp")
    return Path(tmp) / f"hob-{os.getuid()}"


def config_path() -> Path:
    """The user's configuration file; it need not exist."""
    named = os.environ.get("HOB_CONFIG")
    return Path(named) if named else _xdg("XDG_CONFIG_HOME", ".config") / "hob" / "config.toml"


def data_dir() -> Path:
    """Models and their manifests."""
    return _xdg("XDG_DATA_HOME", ".local/share") / "hob"


def state_dir() -> Path:
    """What the daemon remembers across starts: quirks of this machine, verified digests, its log."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "hob"


def audit_dir(socket: Path | None = None) -> Path:
    """The journal of what happened; see hob.audit. Each owner's door has one: its records are a chain, and
    two daemons that wrote one would break it. That of the usual place is in `audit` itself.
    """
    socket = Path(os.path.abspath(socket or socket_path()))
    if socket == runtime_dir() / SOCKET_NAME:
        return state_dir() / "audit"
    return state_dir() / "audit" / hashlib.sha256(os.fsencode(socket)).hexdigest()[:16]


def _xdg(variable: str, below_home: str) -> Path:
    named = os.environ.get(variable)
    return Path(named) if named else Path.home() / below_home
