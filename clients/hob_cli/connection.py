"""Where the daemon is for this command line, and whether to start one.

Must never import grpc before a client is asked for: the daemon starts while grpc loads.
Filled by the global options; used by every command.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hob_client import launch, socket_path
from hob_client.errors import DaemonUnreachable

if TYPE_CHECKING:
    from hob_client.client import Client


class Connection:
    """The global options of one run of `hob`."""

    __slots__ = ("as_json", "socket", "start")

    def __init__(self) -> None:
        self.socket: str | None = None
        self.start = True
        self.as_json = False

    def path(self) -> str:
        return socket_path.resolve(os.path.abspath(self.socket) if self.socket else None)

    def begin(self, *, preload: str | None = None) -> launch.OnItsWay | None:
        """Launch a daemon if none listens, without waiting for it. With --no-start, insist on one."""
        path = self.path()
        if launch.is_listening(path):
            return None
        if not self.start:
            launch.ensure(path, start=False)
        return launch.start_daemon(path, preload=preload)

    def client(self, starting: launch.OnItsWay | None = None) -> Client:
        """A client for a daemon that listens, once it does."""
        from hob_client.client import Client

        if starting is not None:
            starting.wait()
        return Client(self.path(), start=self.start)

    def running(self, *, timeout: float | None = None) -> Client:
        """A client for a daemon that runs already; never starts one."""
        path = self.path()
        if not launch.is_listening(path):
            raise DaemonUnreachable(f"no daemon runs at {path}; `hob run` starts one")
        from hob_client.client import Client

        return Client(path, start=False, timeout=timeout)
