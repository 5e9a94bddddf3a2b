"""What the kernel says about the other end of a connection.

Must never ask the other end itself, nor decide anything.
Called once for every connection that a door accepts.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Protocol

from hobd.errors import NotSupported


class Connection(Protocol):
    """A connected socket, or asyncio's view of one."""

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
