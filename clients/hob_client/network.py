"""The one switch for programs of hob's that could use a network: they ask here before they do.

Must never be more generous than the daemon and the administrator's policy: who cannot be asked has not
permitted it. Used by programs that download, look for updates, or serve HTTP; never by the daemon.
"""

from __future__ import annotations

import os
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hob import address

from hob_client import launch
from hob_client.errors import NotPermitted
from hob_client.socket_path import check_owner, link_at

if TYPE_CHECKING:
    from hob_client.async_client import AsyncClient
    from hob_client.client import Client
    from hob_client.states import Status


_POLICY = Path("/etc/hob/policy.toml")


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
        raise _offline(purpose, status.offline_decided_by)


def require_online_here(purpose: str) -> None:
    """The same, asked of this machine's own daemon, which is started if it is installed; never of a link's.

    Where only clients are installed, the files that a daemon would read decide.
    """
    door = own_door()
    if not launch.is_listening(door) and find_spec("hobd") is None:
        decided_by = _decided_by_files(_POLICY, address.config_path())
        if decided_by is not None:
            raise _offline(purpose, decided_by)
        return
    from hob_client.client import Client

    with Client(door, timeout=60) as client:
        require_online(purpose, client)


def require_still_online(purpose: str) -> None:
    """The same for what goes on for long: asks a daemon that runs, and starts none."""
    if launch.is_listening(own_door()):
        require_online_here(purpose)


def own_door() -> str:
    """The door of this machine's daemon, whatever link HOB_SOCKET may name."""
    named = os.environ.get("HOB_SOCKET")
    if named and link_at(named) is None:
        return os.path.abspath(named)
    door = str(address.runtime_dir() / address.SOCKET_NAME)
    check_owner(door)
    return door


def _decided_by_files(policy: Path, config: Path) -> str | None:
    """What keeps hob offline: "default", or the file that says so; None if one says that it is not."""
    for path in (policy, config):
        try:
            table: Any = tomllib.loads(path.read_text()).get("network", {})
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return f"{path}, which cannot be read"
        told = table.get("offline") if isinstance(table, dict) else None
        if told is not None:
            return None if told is False else str(path)
    return "default"


def _offline(purpose: str, decided_by: str) -> Offline:
    where = "" if decided_by in ("", "default") else f" by {decided_by}"
    return Offline(
        f"{purpose} is off, because hob is offline{where}; "
        "set network.offline = false in hob's configuration, where that is yours to decide"
    )
