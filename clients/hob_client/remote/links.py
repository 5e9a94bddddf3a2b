"""Named hosts, and the links to them that stay up: where they are written down, and how they are.

Must believe no file about a process that runs: who holds a link's lock keeps it, nobody else does.
Used by reach.py, keeper.py and `hob link`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from hob import address

from hob_client.errors import InvalidRequest, NotPermitted, NotSupported
from hob_client.remote.host import SCHEME, Host, parse

if sys.platform == "win32":
    raise NotSupported("hosts are reached over Unix sockets, which ssh on Windows cannot forward; use WSL")
import fcntl

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MOST_BYTES = 4096
_LOCK_TRIES = 20
LOCK, STATE = "lock", "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`state`: down, connecting, up, or waiting to try again. `problem`: what ended the last try."""

    name: str
    host: str
    state: str = "down"
    pid: int | None = None
    num_failures: int = 0
    problem: str = ""


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"the link {name[:40]!r} must be named with letters, digits, - and _, at most 32"
        )
    return name


def runtime_folder(*names: str) -> Path:
    """A directory of ours below the runtime directory, closed to others. Raises NotPermitted."""
    path = address.runtime_dir()
    for step in ("", *names):
        path = path / step
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
        except OSError as error:
            raise NotPermitted(f"{path} cannot be made ({error.strerror}); see XDG_RUNTIME_DIR") from None
        if found.st_uid != os.getuid() or found.st_mode & 0o077 or not path.is_dir():
            raise NotPermitted(f"{path} must be yours and closed to others; run `chmod 700 {path}`")
    return path


# ------------------------------------------------------------- the book of names


def add(name: str, url: str) -> Host:
    """Remember a host under a name."""
    host = parse(url)
    path = _book() / f"{check_name(name)}.toml"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, f'# Made by `hob link add`; `hob link remove {name}` takes it away.\nhost = "{host}"\n')
    return host


def remove(name: str) -> None:
    host_of(name)
    (_book() / f"{name}.toml").unlink()


def names() -> list[str]:
    return sorted(path.stem for path in _book().glob("*.toml") if _NAME.fullmatch(path.stem))


def host_of(name: str) -> Host:
    """Raises InvalidRequest."""
    path = _book() / f"{check_name(name)}.toml"
    try:
        with path.open("rb") as file:
            table = tomllib.loads(file.read(_MOST_BYTES).decode())
    except FileNotFoundError:
        known = ", ".join(names()) or "none yet"
        raise InvalidRequest(
            f"there is no link {name!r} (known: {known}); `hob link add` makes one"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be read ({type(error).__name__}); mend it") from None
    return parse(str(table.get("host", "")))


def find(named: str) -> Host:
    """A host by its URL, or by the name of a link."""
    return parse(named) if named.startswith(SCHEME) else host_of(named)


# ------------------------------------------------------------- links that are kept up


def folder_of(name: str) -> Path:
    return runtime_folder("links", check_name(name))


def path_of(name: str) -> str:
    """Where the link's socket is while it is up."""
    return str(address.runtime_dir() / "links" / check_name(name) / address.SOCKET_NAME)


def look(name: str, host: str | None = None) -> Link:
    """How a link is, as far as its lock bears out what its keeper wrote."""
    host = host or str(host_of(name))
    folder = address.runtime_dir() / "links" / name
    if not _is_kept(folder / LOCK):
        return Link(name=name, host=host)
    try:
        told = json.loads((folder / STATE).read_bytes()[:_MOST_BYTES])
        return Link(**told)
    except (OSError, ValueError, TypeError):
        return Link(name=name, host=host, state="connecting")


def all_links() -> list[Link]:
    """Those that were added, and those that somebody keeps up without."""
    there = address.runtime_dir() / "links"
    kept = [path.name for path in there.iterdir() if _is_kept(path / LOCK)] if there.is_dir() else []
    return [look(name, "") if name in kept else look(name) for name in sorted({*names(), *kept})]


def tell(link: Link) -> None:
    """The keeper's word on its link."""
    _write(folder_of(link.name) / STATE, json.dumps(asdict(link)))


@contextlib.contextmanager
def keeping(name: str) -> Iterator[None]:
    """Hold the link's lock. Raises InvalidRequest if somebody does."""
    path = folder_of(name) / LOCK
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not _try_lock(fd):
            raise InvalidRequest(f"the link {name} is kept up already; see `hob link status {name}`")
        yield
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    """Who looks whether a link is kept holds its lock for a moment, so one look is not enough."""
    for _ in range(_LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)
    return False


def _is_kept(lock: Path) -> bool:
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _book() -> Path:
    return address.config_path().parent / "links.d"


def _write(path: Path, text: str) -> None:
    """All of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(0o600)
    os.replace(temporary, path)
