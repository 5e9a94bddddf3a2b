"""The door that the gateway serves through: one of its own that only infers, or one that is named.

Must ask at the owner's door in a process that ends before the gateway begins: nothing of that connection may
be left in a program that strangers talk to, and gRPC's threads do not survive its fork. Called by main.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NoReturn

from hob_client.errors import DaemonUnreachable, HobError, InvalidRequest, NotPermitted, NotSupported

if TYPE_CHECKING:
    from hob_client.client import Client
    from hob_client.doors import OpenDoor

OWN = "gateway"
OWNER = "owner"
_MAX_ANSWER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which door, where it is, and what whoever starts the gateway should know of it."""

    name: str
    path: str
    note: str = ""


def find(socket: str, *, name: str = "", lan: bool = False) -> Served:
    """The door of that name, asked for at the owner's door `socket`; by default our own, made if need be.

    Raises InvalidRequest if there is no such door, and NotPermitted if ours manages though nobody named it.
    """
    return _in_a_child(lambda: _found(socket, name, lan=lan))


def take(path: str, *, lan: bool = False) -> Served:
    """The very door at that path, whatever it grants."""
    return _in_a_child(lambda: _taken(path, lan=lan))


def _found(socket: str, name: str, *, lan: bool) -> Served:
    from hob_client.client import Client

    with Client(socket, start=False) as client:
        _check_network(client, lan=lan)
        try:
            doors = {door.door.name: door for door in client.doors.list()}
        except NotPermitted:
            if name:
                raise
            return Served(name="", path=socket)  # what $HOB_SOCKET names is no owner's door, so it is meant
        if not name and OWN not in doors:
            doors[OWN] = _add(client)
    door = doors.get(name or OWN)
    if door is None:
        raise InvalidRequest(
            f"there is no door {name!r}; there are {', '.join(doors)}; `hob door add` opens one"
        )
    if manages(door) and not name:
        raise NotPermitted(
            f"door {OWN} grants {door.door.grants}, and a gateway is to infer only; "
            f"say --door {OWN} if that is meant, or `hob door remove {OWN}`"
        )
    return Served(name=door.door.name, path=door.door.path, note=_note(door))


def _taken(path: str, *, lan: bool) -> Served:
    from hob_client.client import Client

    with Client(path, start=False) as client:
        _check_network(client, lan=lan)
        try:
            doors = client.doors.list()
        except (NotPermitted, NotSupported, DaemonUnreachable):
            return Served(name="", path=path)  # a named door; or nobody there yet, who may come
    return Served(name=OWNER, path=path, note=_note(doors[0]) if doors else "")


def _add(client: Client) -> OpenDoor:
    """Infers, and nothing else: what the page shows of memory is worth less than that."""
    from hob_client.doors import DoorSettings, DoorTerms

    return client.doors.add(DoorSettings(name=OWN, terms=DoorTerms(operations=("infer",)))).door


def manages(door: OpenDoor) -> bool:
    """Whether who asks there may do more than infer and look on."""
    return door.door.name == OWNER or "manage" in door.settings.terms.operations


def _note(door: OpenDoor) -> str:
    if not manages(door):
        return ""
    return (
        f"door {door.door.name} grants {door.door.grants}, to whoever takes over the gateway, too; "
        "leave out --door and --socket for one that infers only"
    )


def _check_network(client: Client, *, lan: bool) -> None:
    if lan:
        from hob_client.network import require_online

        require_online("letting a network reach the gateway", client)


# ------------------------------------------------------------- the errand


def _in_a_child(ask: Callable[[], Served]) -> Served:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(writing, ask)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(_MAX_ANSWER_BYTES)
    os.waitpid(child, 0)
    told = json.loads(said or b'{"message": "asking the daemon for its doors has failed"}')
    if "message" not in told:
        return Served(**told)
    kinds = {kind.code: kind for kind in HobError.__subclasses__()}
    raise kinds.get(told.get("code", ""), HobError)(told["message"])


def _answer(writing: int, ask: Callable[[], Served]) -> NoReturn:
    try:
        told = asdict(ask())
    except HobError as error:
        told = {"code": error.code, "message": error.message}
    except BaseException as error:
        told = {"message": f"this is a bug of the gateway ({type(error).__name__}); please report it"}
    try:
        os.write(writing, json.dumps(told).encode())
    finally:
        os._exit(0)
