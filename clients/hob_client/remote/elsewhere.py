"""A daemon on another machine, behind a tunnel of this client's own.

Must dial no other machine without asking the offline switch of this one, and leave no tunnel behind.
Made by reach.py; `ensure` blocks.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from hob_client.network import require_online_here
from hob_client.remote import links
from hob_client.remote.host import Host
from hob_client.remote.links import find as find
from hob_client.remote.tunnel import SOCKET, Tunnel, greets


class Elsewhere:
    """A door that a tunnel of ours leads to; dug when it is first needed, and again when it was cut."""

    def __init__(self, host: Host) -> None:
        folder = Path(tempfile.mkdtemp(dir=links.runtime_folder("tunnels")))
        self.name = str(host)
        self.path = str(folder / SOCKET)
        self._host = host
        self._folder = folder
        self._tunnels: list[Tunnel] = []  # the one there is, if there is one
        self._clear_up = weakref.finalize(self, _clear_up, folder, self._tunnels)

    def ensure(self, *, start: bool, wait_seconds: float = 0.0) -> None:
        if self._tunnels and self._tunnels[0].is_open() and greets(self.path):
            return
        _close(self._tunnels)
        require_online_here("reaching another machine")
        tunnel = Tunnel(self._host, self._folder, start=start)
        tunnel.open()
        self._tunnels.append(tunnel)

    def close(self) -> None:
        """At the latest when nobody knows of this any more."""
        self._clear_up()


def _close(tunnels: list[Tunnel]) -> None:
    while tunnels:
        tunnels.pop().close()


def _clear_up(folder: Path, tunnels: list[Tunnel]) -> None:
    _close(tunnels)
    shutil.rmtree(folder, ignore_errors=True)


def socket_of_link(name: str) -> str | None:
    """Where a link is while it is up. Raises InvalidRequest for a name that nobody added."""
    links.find(name)
    return links.path_of(name) if links.look(name).state == "up" else None
