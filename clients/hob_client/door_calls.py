"""The calls about doors, of both clients: `client.doors.add(...)` and its twin.

Must never be used through another door than the owner's: it would be refused. Made by client.py and
async_client.py, which bring the way to call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Unpack

from hob.v1 import doors_pb2 as pb

from hob_client.channel import Link
from hob_client.doors import (
    AddedDoor,
    DoorSettings,
    DoorTrial,
    DoorVerdict,
    OpenDoor,
    Reloaded,
    RemovedDoor,
    settings_message,
    trial_message,
)
from hob_client.reading import read

Rpc = Callable[[Link], Any]


class DoorCalls:
    def __init__(self, call: Callable[[Rpc, Any], Any]) -> None:
        self._call = call

    def list(self) -> list[OpenDoor]:
        """All doors that are open, the owner's first."""
        told = self._call(lambda link: link.doors.ListDoors, pb.ListDoorsRequest())
        return [read(door) for door in told.doors]

    def add(self, settings: DoorSettings) -> AddedDoor:
        """Open a door now, and in daemons to come."""
        request = pb.AddDoorRequest(settings=settings_message(settings))
        added: AddedDoor = read(self._call(lambda link: link.doors.AddDoor, request))
        return added

    def remove(self, name: str) -> RemovedDoor:
        """Close a door that add() opened, and end its connections."""
        request = pb.RemoveDoorRequest(name=name)
        removed: RemovedDoor = read(self._call(lambda link: link.doors.RemoveDoor, request))
        return removed

    def test(self, name: str, **trial: Unpack[DoorTrial]) -> DoorVerdict:
        """What a door would answer to a request; asks nothing of any model."""
        request = trial_message(name, trial)
        verdict: DoorVerdict = read(self._call(lambda link: link.doors.TestDoor, request))
        return verdict

    def reload(self) -> Reloaded:
        """Have the daemon read its configuration again, doors included."""
        told = self._call(lambda link: link.doors.ReloadConfig, pb.ReloadConfigRequest())
        reloaded: Reloaded = read(told)
        return reloaded


class AsyncDoorCalls:
    def __init__(self, call: Callable[[Rpc, Any], Awaitable[Any]]) -> None:
        self._call = call

    async def list(self) -> list[OpenDoor]:
        told = await self._call(lambda link: link.doors.ListDoors, pb.ListDoorsRequest())
        return [read(door) for door in told.doors]

    async def add(self, settings: DoorSettings) -> AddedDoor:
        request = pb.AddDoorRequest(settings=settings_message(settings))
        added: AddedDoor = read(await self._call(lambda link: link.doors.AddDoor, request))
        return added

    async def remove(self, name: str) -> RemovedDoor:
        request = pb.RemoveDoorRequest(name=name)
        removed: RemovedDoor = read(await self._call(lambda link: link.doors.RemoveDoor, request))
        return removed

    async def test(self, name: str, **trial: Unpack[DoorTrial]) -> DoorVerdict:
        request = trial_message(name, trial)
        verdict: DoorVerdict = read(await self._call(lambda link: link.doors.TestDoor, request))
        return verdict

    async def reload(self) -> Reloaded:
        told = await self._call(lambda link: link.doors.ReloadConfig, pb.ReloadConfigRequest())
        reloaded: Reloaded = read(told)
        return reloaded
