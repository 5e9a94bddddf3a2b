"""Where the doors are on each system; nothing else.

Must stay free of imports beyond the standard library: the CLI reads it before anything heavy.
Used by the daemon to bind and by every client to connect.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

SOCKET_NAME = "hob.sock"
PIPE_PREFIX = "\\\\.\\pipe\\"
# sockaddr_un.sun_path less its terminating zero: 108 bytes on Linux, 104 on macOS and the BSDs.
MAX_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103


def socket_path() -> Path:
    """The owner's door: `$HOB_SOCKET`, else `hob/hob.sock` in the user's runtime directory."""
    named = os.environ.get("HOB_SOCKET")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(pipe_name(os.environ.get("USERDOMAIN", ""), os.environ.get("USERNAME", "")))
    return runtime_dir() / SOCKET_NAME


def pipe_name(domain: str, user: str) -> str:
    """A user's door on Windows, whose pipes all users share: one for each name, whatever is in it.

    Only a name: who may open it is said by its rights, and whose it is by the system.
    """
    plain = "".join(letter for letter in user if letter.isascii() and letter.isalnum())[:32]
    whose = hashlib.sha256(f"{domain}\\{user}".lower().encode()).hexdigest()[:12]
    return f"{PIPE_PREFIX}hob-{plain or 'user'}-{whose}"


def runtime_dir() -> Path:
    """The directory of the doors: private to the user, and gone after a reboot where a system can do that.

    On Windows doors are pipes, and this is where they would be found if they were files.
    """
    if sys.platform == "win32":
        return state_dir() / "run"
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
    return Path(named) if named else _home("config") / "config.toml"


def data_dir() -> Path:
    """Models and their manifests."""
    return _home("data")


def state_dir() -> Path:
    """What the daemon remembers across starts: quirks of this machine, verified digests, its log."""
    return _home("state")


def audit_dir(socket: Path | None = None) -> Path:
    """The journal of what happened; see hob.audit. Each owner's door has one: its records are a chain, and
    two daemons that wrote one would break it. That of the usual place is in `audit` itself.
    """
    socket = Path(os.path.abspath(socket or socket_path()))
    if socket == runtime_dir() / SOCKET_NAME:
        return state_dir() / "audit"
    return state_dir() / "audit" / hashlib.sha256(os.fsencode(socket)).hexdigest()[:16]


def home_of(kind: str, platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """Where a system keeps a program's `config`, `data` or `state`. XDG's variables count everywhere."""
    if named := environ.get(f"XDG_{kind.upper()}_HOME"):
        return Path(named) / "hob"
    if platform == "win32":  # what one configures follows the user to other machines, the rest is large
        roaming, local = environ.get("APPDATA"), environ.get("LOCALAPPDATA")
        if kind == "config":
            return Path(roaming or home / "AppData" / "Roaming") / "hob"
        folder = Path(local or home / "AppData" / "Local") / "hob"
        return folder if kind == "data" else folder / "state"
    if platform == "darwin":
        folder = home / "Library" / "Application Support" / "hob"
        return folder / "state" if kind == "state" else folder
    return home / {"config": ".config", "data": ".local/share", "state": ".local/state"}[kind] / "hob"


def _home(kind: str) -> Path:
    return home_of(kind, sys.platform, os.environ, Path.home())
