"""The daemon's doors as values, and what is said of them as messages.

Must decide nothing: what a door may grant and what it refuses is the daemon's business. Fields have the names
of the contract. Used by client.py, async_client.py and whoever uses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypedDict

from hob_client.errors import InvalidRequest
from hob_client.states import Door

_CLASSES = ("", "interactive", "normal", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorTerms:
    """What callers may do. Zero, empty and false: as at the owner's door, but for `operations`."""

    operations: tuple[str, ...] = ()  # infer, observe, manage; empty: infer
    models: tuple[str, ...] = ()
    best_class: str = ""
    max_concurrent: int = 0
    tokens_per_minute: int = 0
    max_context_tokens: int = 0
    max_tokens: int = 0
    system_prompt: str = field(default="", repr=False)
    schema_only: bool = False
    incognito: bool = False
    no_raw_prompts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    name: str
    path: str = ""
    mode: int = 0
    group: str = ""
    users: tuple[str, ...] = ()
    terms: DoorTerms = DoorTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTerms:
    user: str
    grants: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDoor:
    door: Door
    settings: DoorSettings
    note: str
    user_terms: tuple[UserTerms, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedDoor:
    door: OpenDoor
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedDoor:
    file: str
    num_connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorVerdict:
    allowed: bool
    rule: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]
    doors_opened: tuple[str, ...]
    doors_closed: tuple[str, ...]
    doors_changed: tuple[str, ...]
    problems: tuple[str, ...]


class DoorTrial(TypedDict, total=False):
    """A request that a door is to judge."""

    uid: int
    rpc: str
    operation: str
    model: str
    priority_class: str
    max_tokens: int
    raw: bool
    system_message: bool
    json_schema: bool


def settings_message(settings: DoorSettings) -> Any:
    """Raises InvalidRequest."""
    from hob.v1 import doors_pb2 as pb

    said = {part.name: getattr(settings, part.name) for part in fields(settings)}
    terms = {part.name: getattr(settings.terms, part.name) for part in fields(settings.terms)}
    terms["best_class"] = _class(terms["best_class"])
    return _made(pb.DoorSettings, {**said, "terms": _made(pb.DoorTerms, terms)})


def trial_message(name: str, trial: DoorTrial) -> Any:
    """Raises InvalidRequest."""
    from hob.v1 import doors_pb2 as pb

    said: dict[str, Any] = {**trial, "door": name}
    return _made(pb.TestDoorRequest, said | {"priority_class": _class(trial.get("priority_class", ""))})


def _class(name: str) -> int:
    if name not in _CLASSES:
        raise InvalidRequest(f"the class must be interactive, normal or batch, not {name!r}")
    return _CLASSES.index(name)


def _made(kind: Any, said: dict[str, Any]) -> Any:
    try:
        return kind(**said)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"what is said of the door does not fit the contract ({error})") from None
