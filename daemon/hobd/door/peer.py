"""What the kernel says about the other end of a connection.

Must never ask the other end itself, nor decide anything.
Called once for every connection that a door accepts.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Protocol

from hobd.errors import NotSupported

_NOBODY = (1 << 32) - 2  # a uid that no user has


class Connection(Protocol):
    """A connected socket, or asyncio's view of one; on Windows a pipe's handle."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The process that connected, as it was at that moment: it may have passed the socket on, or ended."""

    uid: int
    gid: int
    pid: int  # 0 where the kernel does not tell, or tells of another pid namespace

    def executable(self) -> str:
        """Its program, for show only: empty if unknown, and whoever has the uid can fake it."""
        try:
            return os.readlink(f"/proc/{self.pid}/exe") if self.pid else ""
        except OSError:
            return ""


def peer_of(connection: Connection) -> Peer:
    """Who is at the other end; on a socket that is not connected, a uid that nobody has."""
    if sys.platform == "linux":
        return _peer_on_linux(connection)
    if sys.platform == "darwin":
        return _peer_on_macos(connection)
    if sys.platform == "win32":
        return _peer_on_windows(connection)
    raise NotSupported(f"hob cannot tell who is calling on {sys.platform}; run it on Linux or macOS")


def _peer_on_linux(connection: Connection) -> Peer:
    credentials = struct.Struct("=iII")  # struct ucred
    option = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    pid, uid, gid = credentials.unpack(option)
    return Peer(uid=uid, gid=gid, pid=pid)


# From <sys/un.h>; Python does not name them.
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1
_LOCAL_PEERPID = 2


def _peer_on_macos(connection: Connection) -> Peer:
    credentials = struct.Struct("=IIhxx16I")  # struct xucred: version, uid, number of groups, groups
    version, uid, _, gid, *_ = credentials.unpack(
        connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, credentials.size)
    )
    if version != 0:  # XUCRED_VERSION
        raise NotSupported(f"this macOS describes callers in an unknown way (version {version}); update hob")
    (pid,) = struct.unpack("=i", connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
    return Peer(uid=uid, gid=gid, pid=pid)


def _peer_on_windows(connection: Connection) -> Peer:
    """Windows has no uids: 0 is who runs this daemon, as for files there, and all others are nobody."""
    from hob.windows_user import library, own_sid, sid_of

    pid = ctypes.c_uint32()
    handle = ctypes.c_void_p(int(getattr(connection, "handle", None) or 0))
    if not library("kernel32").GetNamedPipeClientProcessId(handle, ctypes.byref(pid)):
        return Peer(uid=_NOBODY, gid=_NOBODY, pid=0)
    try:
        is_ours = sid_of(pid.value) == own_sid()
    except OSError:  # it has ended, or is not ours to ask about
        is_ours = False
    uid = 0 if is_ours else _NOBODY
    return Peer(uid=uid, gid=uid, pid=pid.value)
