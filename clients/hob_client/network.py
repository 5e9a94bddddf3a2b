"""The one switch for programs of hob's that could use a network: they ask here before they do.

Must never be more generous than the daemon and the administrator's policy: who cannot be asked has not
permitted it. Used by programs that download, look for updates, or serve HTTP; never by the daemon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hob_client.errors import NotPermitted

if TYPE_CHECKING:
    from hob_client.async_client import AsyncClient
    from hob_client.client import Client
    from hob_client.states import Status


class Offline(NotPermitted):
    """hob is configured not to use a network."""


def require_online(purpose: str, client: Client) -> None:
    """Returns if a network may be used now. `purpose` completes "... is off", as in "downloading a model".

    Ask each time: the switch may have been turned since. Raises Offline, or DaemonUnreachable if there is
    nobody to ask.
    """
    _require(purpose, client.status())


async def require_online_async(purpose: str, client: AsyncClient) -> None:
    """require_online(), for the tasks of a loop."""
    _require(purpose, await client.status())


def _require(purpose: str, status: Status) -> None:
    if status.offline:
        decided_by = status.offline_decided_by
        where = "" if decided_by in ("", "default") else f" by {decided_by}"
        raise Offline(
            f"{purpose} is off, because hob is offline{where}; "
            "set network.offline = false in hob's configuration, where that is yours to decide"
        )
