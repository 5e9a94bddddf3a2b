"""An open door with its terms: whom it lets in, and what each of them may do as of now.

Must ask the kernel, never the caller, who is there. Made by doorkeeper.py; asked by api/host.py for each
connection and each call, so that changed terms hold for those who are in already.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hob import portable

from hobd.config.doors import ANYBODY, OWNER, DoorSettings, Terms
from hobd.door import policy
from hobd.door.caller import Caller, caller_from
from hobd.door.peer import Connection, peer_of
from hobd.door.unix_socket import Door
from hobd.errors import DoorError

if sys.platform != "win32":
    import pwd


class Doorway:
    """`settings` is None for the owner's."""

    def __init__(self, door: Door, settings: DoorSettings | None) -> None:
        self.door = door
        self.name = OWNER if settings is None else settings.name
        self.change(settings)

    def change(self, settings: DoorSettings | None) -> None:
        """Takes over other terms. Raises DoorError, and then keeps those it has."""
        users = {} if settings is None else {user: terms for user, terms in settings.users.items()}
        anybody = users.pop(ANYBODY, None)
        named = {_uid(self.name, user): terms for user, terms in users.items()}
        self._anybody, self._users, self.settings = anybody, named, settings

    def admit(self, connection: Connection) -> Caller:
        """Who is there, by the kernel's word. Raises NotPermitted."""
        caller = caller_from(peer_of(connection), door=self.name)
        self.check(caller.uid)
        return caller

    def check(self, uid: int) -> None:
        """Raises NotPermitted for a user who is not, or not any more, admitted."""
        admitted = None if self._anybody is not None else self._users.keys()
        policy.admit(uid, portable.own_uid(), door=self.name, admitted=admitted)

    def grants(self, uid: int) -> policy.Grants:
        if self.settings is None:
            return policy.Grants(door=OWNER)
        terms = self._users.get(uid) or self._anybody or self.settings.terms
        if uid == portable.own_uid() and uid not in self._users:
            terms = self.settings.terms
        return policy.Grants(door=self.name, terms=terms)

    @property
    def users(self) -> list[str]:
        """Who is admitted, the owner aside."""
        return [*map(str, self._users), *([ANYBODY] if self._anybody is not None else [])]

    @property
    def terms(self) -> Terms | None:
        return None if self.settings is None else self.settings.terms

    @property
    def note(self) -> str:
        """What may keep those who are admitted from reaching it; the door itself cannot change that."""
        if self.door.mode == 0o600 or (place := _impassable(self.door.path)) is None:
            return ""
        return (
            f"{place} lets nobody but its owner through, so others reach the door only where "
            f"{self.door.path.parent} is mounted; name another path to have them come this way"
        )


def _impassable(path: Path) -> Path | None:
    """The first directory on the way that others may not pass, whatever group they are in."""
    for place in reversed(path.parents):
        try:
            if not place.stat().st_mode & 0o011:
                return place
        except OSError:
            return place
    return None


def _uid(door: str, user: str) -> int:
    if user.isdecimal() and len(user) <= 10:
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise DoorError(
            f"door {door} is to admit {user!r}, whom this machine does not know; name a user, or a uid"
        ) from None
