"""Where the daemon is for this command line, and whether to start one.

Must never import grpc before a client is asked for: the daemon starts while grpc loads.
Filled by the global options; used by every command.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hob_client import launch, socket_path
from hob_client.errors import DaemonUnreachable, InvalidRequest
from hob_client.remote.reach import Here, Reach, reach, reach_host

if TYPE_CHECKING:
    from hob_client.client import Client


class Connection:
    """The global options of one run of `hob`."""

    __slots__ = ("_reach", "as_json", "host", "socket", "start")

    def __init__(self) -> None:
        self.socket: str | None = None
        self.host: str | None = None
        self.start = True
        self.as_json = False
        self._reach: Reach | None = None

    def reach(self) -> Reach:
        """The daemon that was meant: by --host, --socket, or the environment. A host is not dialled yet."""
        if self._reach is None:
            if self.host and self.socket:
                raise InvalidRequest("--host and --socket name two daemons; drop one of them")
            socket = os.path.abspath(self.socket) if self.socket else None
            self._reach = reach_host(self.host) if self.host else reach(socket)
        return self._reach

    def is_here(self) -> bool:
        """Whether the daemon is on this machine, as far as its socket tells."""
        return isinstance(self.reach(), Here) and socket_path.link_at(self.path()) is None

    def path(self) -> str:
        """Where to dial; a host's, once `begin` or `running` have been there."""
        return self.reach().path

    def path_here(self) -> str:
        """Of this machine's daemon, for commands that look at the machine as well."""
        self.require_here()
        return Here(os.path.abspath(self.socket) if self.socket else None).path

    def require_here(self) -> None:
        if self.host:
            raise InvalidRequest(
                "this command looks at the machine that it runs on; run it there, with ssh, instead of --host"
            )

    def close(self) -> None:
        if self._reach is not None:
            self._reach.close()

    def begin(self, *, preload: str | None = None) -> launch.OnItsWay | None:
        """Launch a daemon if none listens, without waiting for it. With --no-start, insist on one."""
        if not isinstance(self.reach(), Here):
            self.reach().ensure(start=self.start)
            return None
        path = self.path()
        if launch.is_listening(path):
            return None
        if not self.start:
            launch.ensure(path, start=False)
        return launch.start_daemon(path, preload=preload)

    def client(self, starting: launch.OnItsWay | None = None) -> Client:
        """A client for a daemon that listens, once it does."""
        # A daemon and its first worker need the cores as they start; while a model is read, we have them.
        if starting is not None:
            starting.wait()
        from hob_client.client import Client

        return Client(self._dialled(start=self.start), start=self.start)

    def running(self, *, timeout: float | None = None) -> Client:
        """A client for a daemon that runs already; never starts one."""
        reach = self._dialled(start=False)
        if not launch.is_listening(reach.path):
            raise DaemonUnreachable(f"no daemon runs at {reach.name}; `hob run` starts one")
        from hob_client.client import Client

        return Client(reach, start=False, timeout=timeout)

    def _dialled(self, *, start: bool) -> Reach:
        """A host's tunnel is dug first, and lasts for this run."""
        if not isinstance(self.reach(), Here):
            self.reach().ensure(start=start)
        return self.reach()
