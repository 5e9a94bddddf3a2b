"""How a client gets to the daemon that it was told of: here, over a link, or by a tunnel of its own.

Must cost a client that stays on this machine nothing, and mix up no two daemons.
Made by calls.py, async_calls.py and the CLI; `ensure` blocks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from hob_client import launch, socket_path
from hob_client.errors import InvalidRequest

SCHEME = "ssh://"


class Reach(Protocol):
    """`path`: the socket to dial. `name`: what messages call it."""

    path: str
    name: str

    def ensure(self, *, start: bool, wait_seconds: float = 0.0) -> None:
        """Return once somebody listens. Raises HobError."""

    def close(self) -> None: ...


class Here:
    """A door of this machine."""

    def __init__(self, socket: Path | str | None) -> None:
        self.path = self.name = socket_path.resolve(socket)

    def ensure(self, *, start: bool, wait_seconds: float = 0.0) -> None:
        launch.ensure(self.path, start=start, wait_seconds=wait_seconds)

    def close(self) -> None: ...


def reach(named: Path | str | Reach | None) -> Reach:
    """By a socket's path or `ssh://...`; if nothing is named, by HOB_HOST, which may be a link's name."""
    if not isinstance(named, Path | str | None):
        return named
    if isinstance(named, str) and named.startswith(SCHEME):
        return reach_host(named)
    host = os.environ.get("HOB_HOST")
    if named is None and host:
        if os.environ.get("HOB_SOCKET"):
            raise InvalidRequest("HOB_HOST and HOB_SOCKET name two daemons; unset one of them")
        return reach_host(host)
    return Here(named)


def reach_host(named: str) -> Reach:
    """By `ssh://...` or the name of a link, which is used while it is up."""
    from hob_client.remote import elsewhere  # most clients stay here and need not wait for its imports

    path = None if named.startswith(SCHEME) else elsewhere.socket_of_link(named)
    return elsewhere.Elsewhere(elsewhere.find(named)) if path is None else Here(path)
