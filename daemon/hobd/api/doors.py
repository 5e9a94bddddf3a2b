"""DoorService: the doors as the owner sees and changes them.

Must hold no decision: what a table may say is config/doors.py's, what a door allows door/policy.py's. Called
by api/host.py for each call on the owner's door; other doors never get here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hob import portable
from hob.v1 import daemon_pb2, inference_pb2
from hob.v1 import doors_pb2 as pb
from hob.v1.doors_grpc import DoorServiceBase

from hobd import errors
from hobd.api.gate import Gate, names
from hobd.api.host import Call, rpc
from hobd.config import DoorSettings, Terms, door_files
from hobd.config import doors as words
from hobd.door import policy
from hobd.door.doorkeeper import Applied, Doorkeeper
from hobd.door.doorway import Doorway

_CLASSES = {
    "interactive": inference_pb2.PRIORITY_CLASS_INTERACTIVE,
    "normal": inference_pb2.PRIORITY_CLASS_NORMAL,
    "batch": inference_pb2.PRIORITY_CLASS_BATCH,
}
_CLASS_NAMES = {number: name for name, number in _CLASSES.items()}
#: What is asked where only an operation is named.
_USUAL = {"infer": "Chat", "observe": "GetStatus", "manage": "LoadModel"}
_MAX_SHOWN_CHARACTERS = 64


class Listing:
    """The open doors as protobuf."""

    def __init__(self, keeper: Doorkeeper, num_connections: Callable[[Doorway], int]) -> None:
        self._keeper = keeper
        self._num_connections = num_connections

    def doors(self) -> list[daemon_pb2.Door]:
        return [self.door(doorway) for doorway in self._keeper.doorways]

    def door(self, doorway: Doorway) -> daemon_pb2.Door:
        settings = doorway.settings
        return daemon_pb2.Door(
            name=doorway.name,
            path=str(doorway.door.path),
            mode=doorway.door.mode,
            owner_uid=portable.own_uid(),
            num_connections=self._num_connections(doorway),
            grants="everything" if settings is None else words.words(settings.terms),
            users=doorway.users,
            group="" if settings is None else settings.group,
            source="" if settings is None else settings.source,
        )

    def open_door(self, doorway: Doorway) -> pb.OpenDoor:
        settings = None if doorway.settings is None else settings_message(doorway.settings)
        own_terms = {} if doorway.settings is None else doorway.settings.users
        return pb.OpenDoor(
            door=self.door(doorway),
            settings=settings,
            note=doorway.note,
            user_terms=[
                pb.UserTerms(user=user, grants=words.words(terms))
                for user, terms in own_terms.items()
                if terms != doorway.terms
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What reading the configuration again has changed."""

    changed: list[str]
    needs_restart: list[str]
    doors: Applied


class DoorService(DoorServiceBase):
    def __init__(
        self,
        keeper: Doorkeeper,
        listing: Listing,
        gate: Gate,
        *,
        config: Path | None,
        reload: Callable[[], Awaitable[Reloaded]],
    ) -> None:
        """`config`: the configuration's file, beside which doors are written. `reload` raises ConfigError."""
        self._keeper = keeper
        self._listing = listing
        self._gate = gate
        self._config = config
        self._reload = reload

    @rpc
    async def ListDoors(self, call: Call[pb.ListDoorsRequest, pb.ListDoorsResponse]) -> None:
        doors = [self._listing.open_door(doorway) for doorway in self._keeper.doorways]
        await call.send(pb.ListDoorsResponse(doors=doors))

    @rpc
    async def AddDoor(self, call: Call[pb.AddDoorRequest, pb.AddDoorResponse]) -> None:
        settings = door_settings(call.request)
        if self._keeper.find(settings.name) is not None:
            raise errors.InvalidRequest(f"there is a door {settings.name}; remove it first, or name another")
        file = self._write(settings)
        try:
            reloaded = await self._reloaded()
        except errors.InvalidRequest:
            door_files.remove(file)
            raise
        doorway = self._keeper.find(settings.name)
        if doorway is None:
            door_files.remove(file)
            raise errors.InvalidRequest("; ".join(reloaded.doors.problems) or f"{settings.name} did not open")
        door = self._listing.open_door(doorway)
        door.note = "; ".join(note for note in (door.note, self._unmatched(settings)) if note)
        await call.send(pb.AddDoorResponse(door=door, file=str(file)))

    @rpc
    async def RemoveDoor(self, call: Call[pb.RemoveDoorRequest, pb.RemoveDoorResponse]) -> None:
        doorway = self._find(call.request.name)
        file = door_files.folder(self._config) / f"{doorway.name}.toml"
        if doorway.settings is None or doorway.settings.source != str(file):
            source = doorway.settings.source if doorway.settings else ""
            raise errors.InvalidRequest(
                f"door {doorway.name} stands in {source}; take it out there, and run `hob door reload`"
                if source
                else "the owner's door stays; end the daemon to close it"
            )
        num_connections = self._listing.door(doorway).num_connections
        try:
            door_files.remove(file)
        except errors.ConfigError as error:
            raise errors.InvalidRequest(error.message) from None
        await self._reloaded()
        await call.send(pb.RemoveDoorResponse(file=str(file), num_connections=num_connections))

    @rpc
    async def TestDoor(self, call: Call[pb.TestDoorRequest, pb.TestDoorResponse]) -> None:
        await call.send(self._tested(self._find(call.request.door), call.request))

    @rpc
    async def ReloadConfig(self, call: Call[pb.ReloadConfigRequest, pb.ReloadConfigResponse]) -> None:
        reloaded = await self._reloaded()
        await call.send(
            pb.ReloadConfigResponse(
                changed=reloaded.changed,
                needs_restart=reloaded.needs_restart,
                doors_opened=reloaded.doors.opened,
                doors_closed=reloaded.doors.closed,
                doors_changed=reloaded.doors.changed,
                problems=reloaded.doors.problems,
            )
        )

    # ------------------------------------------------------------------ private steps

    def _tested(self, doorway: Doorway, asked: pb.TestDoorRequest) -> pb.TestDoorResponse:
        uid = asked.uid if asked.HasField("uid") else portable.own_uid()
        grants, wish = doorway.grants(uid), trial(asked)
        try:
            doorway.check(uid)
            if asked.model and policy.refused_rpc(grants, wish.rpc) is None:
                wish = replace(wish, model=names(self._gate.entry(grants, asked.model)))
        except errors.HobError as error:
            return pb.TestDoorResponse(rule=error.rule or "model", reason=error.message)
        verdict = policy.decide(grants, wish)
        if isinstance(verdict, policy.Refused):
            return pb.TestDoorResponse(rule=verdict.rule, reason=verdict.reason)
        return pb.TestDoorResponse(allowed=True, reason=policy.changes(wish, verdict))

    def _find(self, name: str) -> Doorway:
        doorway = self._keeper.find(name)
        if doorway is None:
            there = ", ".join(doorway.name for doorway in self._keeper.doorways)
            raise errors.InvalidRequest(f"there is no door {_shown(name)}; there are {there}")
        return doorway

    def _unmatched(self, settings: DoorSettings) -> str:
        """Grants of models that there are not: perhaps mistyped, perhaps to come."""
        absent = [
            pattern
            for pattern in settings.terms.models
            if not self._gate.entries(policy.Grants(door=settings.name, terms=Terms(models=(pattern,))))
        ]
        return f"no model is called {' or '.join(absent)} as yet" if absent else ""

    def _write(self, settings: DoorSettings) -> Path:
        try:
            return door_files.write(self._config, settings)
        except errors.ConfigError as error:
            raise errors.InvalidRequest(error.message) from None

    async def _reloaded(self) -> Reloaded:
        """The configuration is somebody's to mend, and no bug of ours."""
        try:
            return await self._reload()
        except errors.ConfigError as error:
            raise errors.InvalidRequest(error.message) from None


def door_settings(request: pb.AddDoorRequest, config: object = None) -> DoorSettings:
    """Raises InvalidRequest, in the words that the configuration's file would be refused with."""
    asked = request.settings
    table: dict[str, Any] = {key: getattr(asked, key) for key in ("path", "group") if getattr(asked, key)}
    if asked.mode:
        table["mode"] = f"{asked.mode:04o}"
    table |= {"users": list(asked.users)} | _terms_table(asked.terms)
    try:
        return words.settings("the request", asked.name, table)
    except errors.ConfigError as error:
        raise errors.InvalidRequest(error.message) from None


def settings_message(settings: DoorSettings) -> pb.DoorSettings:
    return pb.DoorSettings(
        name=settings.name,
        path=settings.path,
        mode=settings.mode,
        group=settings.group,
        users=list(settings.users),
        terms=_terms_message(settings.terms),
    )


def _terms_table(terms: pb.DoorTerms) -> dict[str, Any]:
    """What is not zero."""
    _check_class("best_class", terms.best_class)
    table: dict[str, Any] = {
        "operations": list(terms.operations),
        "models": list(terms.models),
        "best_class": _CLASS_NAMES.get(terms.best_class, ""),
        "max_concurrent": terms.max_concurrent,
        "tokens_per_minute": terms.tokens_per_minute,
        "max_context_tokens": terms.max_context_tokens,
        "max_tokens": terms.max_tokens,
        "system_prompt": terms.system_prompt,
        "schema_only": terms.schema_only,
        "incognito": terms.incognito,
    }
    said = {key: value for key, value in table.items() if value}
    return said | ({"raw_prompts": False} if terms.no_raw_prompts else {})


def _terms_message(terms: Terms) -> pb.DoorTerms:
    return pb.DoorTerms(
        operations=list(terms.operations),
        models=list(terms.models),
        best_class=_CLASSES[terms.best_class],
        max_concurrent=terms.max_concurrent,
        tokens_per_minute=terms.tokens_per_minute,
        max_context_tokens=terms.max_context_tokens,
        max_tokens=terms.max_tokens,
        system_prompt=terms.system_prompt,
        schema_only=terms.schema_only,
        incognito=terms.incognito,
        no_raw_prompts=not terms.raw_prompts,
    )


def trial(asked: pb.TestDoorRequest, config: object = None) -> policy.Wish:
    """What is tried, but for the model. Raises InvalidRequest."""
    rpc_name = asked.rpc or _USUAL.get(asked.operation, "")
    if asked.raw and rpc_name == "Chat":
        rpc_name = "Generate"
    if rpc_name not in policy.RPCS:
        raise errors.InvalidRequest(
            "operation must be infer, observe or manage, or rpc the name of one, such as Chat"
        )
    _check_class("priority_class", asked.priority_class)
    return policy.Wish(
        rpc=rpc_name,
        priority=policy.CLASSES.index(_CLASS_NAMES.get(asked.priority_class, "normal")),
        max_tokens=asked.max_tokens if asked.HasField("max_tokens") else None,
        says_system=asked.system_message,
        has_schema=asked.json_schema,
    )


def _check_class(name: str, number: int) -> None:
    if number not in (0, *_CLASS_NAMES):
        raise errors.InvalidRequest(f"{name} {number} does not exist in this version of hob")


def _shown(text: str) -> str:
    return repr(text[:_MAX_SHOWN_CHARACTERS])
