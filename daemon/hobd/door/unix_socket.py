"""A door: one listening Unix socket that only some can reach, and that no second daemon can take over.

Must never be connectable with a mode looser than asked for, not for an instant, and never remove what is not
its own. Opened by doorkeeper.py, on the loop's thread alone: the umask belongs to all threads, and is only
ever made tighter here, so what others write meanwhile is private at worst.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from hob.address import MAX_SOCKET_PATH_BYTES

from hobd.errors import DoorError

if sys.platform != "win32":
    import fcntl

_SOCKET_MODE = 0o600
_BACKLOG = 128
_PLACE_ELSEWHERE = "set HOB_SOCKET to a path in a directory of your own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who the file system lets come: the socket's mode, and the group it belongs to."""

    mode: int = _SOCKET_MODE
    gid: int | None = None  # None: the owner's

    @property
    def directory_mode(self) -> int:
        """The most that the socket's directory may allow: to pass and to look, never to write."""
        return {0o600: 0o700, 0o660: 0o750, 0o666: 0o755}[self.mode]


PRIVATE = Access()


class Door:
    """An open door. `socket` listens, does not block, and is not inherited; `close` takes the door away."""

    __slots__ = ("_identity", "_lock", "mode", "path", "socket")

    def __init__(
        self, *, path: Path, listener: socket.socket, lock: int, mode: int, is_ours: bool = True
    ) -> None:
        """`is_ours`: we made the file; a service manager's is left to it."""
        self.path = path
        self.socket = listener
        self.mode = mode
        self._lock = lock
        self._identity = _identity_at(path) if is_ours else None

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.AbstractServer:
        """Of a door without a socket, as Windows' are: windows_pipe.py."""
        raise NotImplementedError("a Unix door is served by its socket")

    def close(self) -> None:
        """Removes the socket if it is still ours, then lets another daemon in. Twice is once.

        A server that closes the socket itself does so at most moments before: while it is open, the kernel
        gives its inode number to no other file.
        """
        if self._lock < 0:
            return
        if self._identity is not None and _identity_at(self.path) == self._identity:
            self.path.unlink(missing_ok=True)
        self.socket.close()
        os.ftruncate(self._lock, 0)
        os.close(
            self._lock
        )  # and with it the lock; the file stays, since removing it would race with a taker
        self._lock = -1


def open_door(path: Path, access: Access = PRIVATE, *, ready: socket.socket | None = None) -> Door:
    """Listens at `path`; DoorError if others could change the place or something else serves there.

    `ready`: a socket that a service manager opened there for us.
    """
    path = Path(os.path.abspath(path))
    _check_length(path)
    with _umask(0o077):
        _prepare_directory(path.parent, access)
        lock = _lock(path)
        try:
            if ready is not None:
                _check_adopted(ready, path)
                return Door(path=path, listener=ready, lock=lock, mode=_SOCKET_MODE, is_ours=False)
            _clear(path)
            listener = _listen(bind_private(path), path, access)
            return Door(path=path, listener=listener, lock=lock, mode=access.mode)
        except BaseException:
            os.close(lock)
            raise


def bind_private(path: Path) -> socket.socket:
    """A socket bound to `path`, of mode 0600 already, that nobody can connect to yet."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        try:
            os.fchmod(listener.fileno(), _SOCKET_MODE)  # Linux: the file is born with it, whatever the umask
        except OSError as error:
            if error.errno != errno.EINVAL:  # macOS and the BSDs: there the umask alone decides
                raise
        with _umask(0o177):
            listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        raise DoorError(f"could not make the socket {path} ({error.strerror}); {_PLACE_ELSEWHERE}") from None
    return listener


def _check_adopted(ready: socket.socket, path: Path) -> None:
    """A door that somebody else opened has to be as private as one of ours."""
    is_stream = ready.family == socket.AF_UNIX and ready.type == socket.SOCK_STREAM
    if not is_stream or not ready.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise DoorError(
            "the socket handed to hobd does not listen on a Unix path; give it a ListenStream path"
        )
    if ready.getsockname() != os.fspath(path):
        raise DoorError(f"the socket handed to hobd is not at {path}; give both units the same path")
    _check_socket_mode(path, "set SocketMode=0600 in its unit")
    ready.setblocking(False)


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise DoorError(
            f"the socket path {path} has {length} bytes, over the system's {MAX_SOCKET_PATH_BYTES}; "
            "set HOB_SOCKET to a shorter one"
        )


def _prepare_directory(directory: Path, access: Access) -> None:
    """The kernel checks this directory before the socket: its mode is the first wall."""
    try:
        is_new = not os.path.lexists(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_new:
            _give(directory, access.directory_mode, access.gid)
        found = directory.lstat()
    except FileExistsError:
        raise DoorError(f"{directory} is not a directory; {_PLACE_ELSEWHERE}") from None
    except OSError as error:
        raise DoorError(f"could not make {directory} ({error.strerror}); {_PLACE_ELSEWHERE}") from None
    if stat.S_ISLNK(found.st_mode):
        raise DoorError(f"{directory} is a symbolic link, which others may redirect; {_PLACE_ELSEWHERE}")
    if found.st_uid != os.geteuid():
        raise DoorError(
            f"{directory} belongs to uid {found.st_uid}, not to uid {os.geteuid()}; {_PLACE_ELSEWHERE}"
        )
    _check_directory_mode(directory, stat.S_IMODE(found.st_mode), access)


def _check_directory_mode(directory: Path, mode: int, access: Access) -> None:
    if not mode & 0o077 & ~access.directory_mode:
        return
    # A sticky directory is one that everybody shares, like /tmp: closing it would break the system.
    chmod = f"run `chmod {access.directory_mode:o} {quote(str(directory))}`"
    remedy = _PLACE_ELSEWHERE if mode & stat.S_ISVTX else chmod
    could = "reach" if access.mode == _SOCKET_MODE else "reach or replace"
    raise DoorError(f"{directory} has mode {mode:04o}, so others could {could} the door; {remedy}")


def _give(path: Path, mode: int, gid: int | None) -> None:
    """The group first: with the mode it would belong to another one for a moment."""
    if gid is not None:
        os.chown(path, -1, gid, follow_symlinks=False)
    os.chmod(path, mode)


def _lock(path: Path) -> int:
    """The descriptor of the lock file, locked for as long as it is open; the file tells the owner's pid.

    The kernel lets go of the lock when the process ends in any way, so a lock is never stale.
    """
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _SOCKET_MODE)
    except OSError as error:
        raise DoorError(
            f"could not open the lock file {name} ({error.strerror}); {_PLACE_ELSEWHERE}"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise DoorError(_already_served(path, pid)) from None
    except OSError as error:
        os.close(lock)
        raise DoorError(f"{name} cannot be locked here ({error.strerror}); {_PLACE_ELSEWHERE}") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _already_served(path: Path, pid: str) -> str:
    if not pid.isdigit():  # taken a moment ago, or being let go
        return f"another hobd is already serving {path}; use it, or end it first"
    return f"another hobd (pid {pid}) is already serving {path}; use it, or end it with `kill {pid}`"


def _clear(path: Path) -> None:
    """Removes a socket that a killed daemon left behind; refuses to touch anything else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise DoorError(f"{path} is there already and is no socket; move it away, or {_PLACE_ELSEWHERE}")
    if _answers(path):
        raise DoorError(
            f"something that is no hobd, or an older one, answers at {path}; end it, or {_PLACE_ELSEWHERE}"
        )
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # EPERM, ENOSYS: the daemon serves already, and must not connect to anything. No hobd is there, since
        # it would hold the lock, and nobody else can write to the directory.
        # EAGAIN (its backlog is full), EPROTOTYPE (another kind of socket) and the like: somebody is there.
        return probe.connect_ex(os.fspath(path)) not in (
            errno.ECONNREFUSED,
            errno.ENOENT,
            errno.EPERM,
            errno.ENOSYS,
        )


def _listen(listener: socket.socket, path: Path, access: Access) -> socket.socket:
    try:
        _check_socket_mode(path, f"this file system does not keep modes: {_PLACE_ELSEWHERE}")
        if access != PRIVATE:
            _give(path, access.mode, access.gid)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        path.unlink(missing_ok=True)
        raise DoorError(
            f"{path} could not be given mode {access.mode:04o} and its group ({error.strerror}); "
            "name a group that you are in"
        ) from None
    except BaseException:
        listener.close()
        path.unlink(missing_ok=True)
        raise
    return listener


def _check_socket_mode(path: Path, remedy: str) -> None:
    found = path.lstat()
    if not stat.S_ISSOCK(found.st_mode) or stat.S_IMODE(found.st_mode) != _SOCKET_MODE:
        raise DoorError(
            f"{path} has mode {stat.S_IMODE(found.st_mode):04o} instead of {_SOCKET_MODE:04o}; {remedy}"
        )


def _identity_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
