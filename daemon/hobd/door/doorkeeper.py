"""All doors: opens those that the configuration names, closes those it does not, changes what they grant.

Must never leave a door open that is not configured, and leaves the owner's alone once it is open. Made and
told by main.py; api/doors.py lists and tests what is here.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hobd import log
from hobd.audit.journal import Audit, NoAudit
from hobd.config import DoorSettings
from hobd.config.doors import OWNER, words
from hobd.door.doorway import Doorway
from hobd.door.unix_socket import PRIVATE, Access, Door
from hobd.errors import DoorError

if sys.platform == "win32":
    from hobd.door.windows_pipe import open_door
else:
    import grp

    from hobd.door.unix_socket import open_door


class Host(Protocol):
    """Who talks with those that come in."""

    async def open(self, doorway: Doorway) -> None: ...

    async def close(self, doorway: Doorway) -> int: ...

    def recheck(self, doorway: Doorway) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of new settings, by names of doors; `problems` in sentences."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Doorkeeper:
    """`doorways` are the open doors, the owner's first. `close` them all at the end."""

    def __init__(self, path: Path, *, ready: socket.socket | None = None) -> None:
        """Opens the owner's door; `ready`: what a service manager opened there. Raises DoorError."""
        self.audit: Audit = NoAudit()
        self._host: Host | None = None
        self._applying = asyncio.Lock()
        self.doorways = [Doorway(open_door(path, ready=ready), None)]

    @property
    def owner(self) -> Doorway:
        return self.doorways[0]

    def find(self, name: str) -> Doorway | None:
        return next((doorway for doorway in self.doorways if doorway.name == name), None)

    def open_all(self, settings: Sequence[DoorSettings]) -> None:
        """Before anything is served: DoorError for the first that cannot be opened, and none stays open."""
        try:
            for door in settings:
                self.doorways.append(self._open(door))
        except DoorError:
            self.close()
            raise

    async def serve(self, host: Host) -> None:
        self._host = host
        for doorway in self.doorways:
            await host.open(doorway)
            self._tell("door_opened", doorway)

    async def apply(self, settings: Sequence[DoorSettings]) -> Applied:
        """From now on these doors. One that cannot be opened or changed is a problem of that door alone."""
        async with self._applying:
            applied, wanted = Applied(), {door.name: door for door in settings}
            for doorway in self.doorways[1:]:
                if doorway.name not in wanted:
                    await self._close(doorway)
                    applied.closed.append(doorway.name)
            for door in wanted.values():
                try:
                    await self._settle(door, applied)
                except DoorError as error:
                    log.event("door_failed", level="error", door=door.name, why=error.message)
                    applied.problems.append(error.message)
            return applied

    def close(self) -> None:
        while self.doorways:
            self.doorways.pop().door.close()

    # ------------------------------------------------------------------ private steps

    async def _settle(self, door: DoorSettings, applied: Applied) -> None:
        doorway = self.find(door.name)
        if doorway is not None and _place(doorway.settings) != _place(door):
            await self._close(doorway)
            doorway = None
        elif doorway is not None:
            if doorway.settings == door:
                return
            doorway.change(door)
            self._served(lambda host: host.recheck(doorway))
            self._tell("door_changed", doorway)
            applied.changed.append(door.name)
            return
        new = self._open(door)
        self.doorways.append(new)
        if self._host is not None:
            await self._host.open(new)
        self._tell("door_opened", new)
        applied.opened.append(door.name)

    def _open(self, door: DoorSettings) -> Doorway:
        path = Path(door.path).expanduser() if door.path else self._usual_path(door.name)
        opened: Door = open_door(path, _access(door))
        try:
            return Doorway(opened, door)
        except DoorError:
            opened.close()
            raise

    def _usual_path(self, name: str) -> Path:
        """A directory of its own, which can be mounted into a container without another door in it."""
        return self.owner.door.path.parent / "doors" / name / "hob.sock"

    async def _close(self, doorway: Doorway) -> None:
        self.doorways.remove(doorway)
        if self._host is not None:
            await self._host.close(doorway)
        doorway.door.close()
        self._tell("door_closed", doorway)

    def _served(self, tell: Callable[[Host], None]) -> None:
        if self._host is not None:
            tell(self._host)

    def _tell(self, kind: str, doorway: Doorway) -> None:
        grants = "everything" if doorway.terms is None else words(doorway.terms)
        mode = f"{doorway.door.mode:04o}"
        log.event(kind, door=doorway.name, socket=doorway.door.path, mode=mode, grants=grants)
        self.audit.write(
            kind,
            door=doorway.name,
            socket=str(doorway.door.path),
            mode=mode,
            users=",".join(doorway.users) or OWNER,
            grants=grants,
        )


def _place(door: DoorSettings | None) -> tuple[str, int, str] | None:
    return None if door is None else (door.path, door.mode, door.group)


def _access(door: DoorSettings) -> Access:
    if not door.group:
        return PRIVATE if door.mode == PRIVATE.mode else Access(mode=door.mode)
    if door.group.isdecimal() and len(door.group) <= 10:
        return Access(mode=door.mode, gid=int(door.group))
    try:
        return Access(mode=door.mode, gid=grp.getgrnam(door.group).gr_gid)
    except KeyError:
        raise DoorError(
            f"door {door.name} is for group {door.group!r}, which this machine does not know; name another"
        ) from None
