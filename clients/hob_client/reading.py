"""Turns messages of the contract into values and events.

Must never decide anything, and skips kinds of events that it does not know: more will come.
Called by client.py and async_client.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from hob_client.events import Delta, Done, Event, Started, ToolCallDelta, Warning

if TYPE_CHECKING:
    from hob_client import models

#: Which class a message becomes, and where that is: only those that come are imported, and made.
_VALUES = {
    "Receipt": "values.Receipt",
    "AppliedLora": "values.AppliedLora",
    "AnswerEnd": "values.AnswerEnd",
    "TokenLogprob": "values.TokenLogprob",
    "Model": "models.Model",
    "Adapter": "models.Adapter",
    "EngineSettings": "models.EngineSettings",
    "Tuning": "models.Tuning",
    "TuneModelResponse": "models.Tunings",
    "MemoryLine": "models.MemoryLine",
    "Resident": "models.Resident",
    "Device": "models.Device",
    "Plan": "models.Plan",
    "Facts": "models.Facts",
    "Verified": "models.Verified",
    "Admission": "models.Admission",
    "Finding": "models.Finding",
    "ReleaseModelResponse": "models.Released",
    "Embedding": "values.Embedding",
    "RankedDocument": "values.RankedDocument",
    "RerankResponse": "values.Ranking",
    "ForgetCacheResponse": "states.Forgotten",
    "PoolUse": "states.PoolUse",
    "UnloadModelResponse": "models.Unloaded",
    "Door": "states.Door",
    "DoorTerms": "doors.DoorTerms",
    "DoorSettings": "doors.DoorSettings",
    "OpenDoor": "doors.OpenDoor",
    "UserTerms": "doors.UserTerms",
    "AddDoorResponse": "doors.AddedDoor",
    "RemoveDoorResponse": "doors.RemovedDoor",
    "TestDoorResponse": "doors.DoorVerdict",
    "ReloadConfigResponse": "doors.Reloaded",
    "ClassLoad": "states.ClassLoad",
    "MemoryPressure": "states.MemoryPressure",
    "Memory": "states.Memory",
    "Waiting": "states.Waiting",
    "Trip": "states.Trip",
    "GetStatusResponse": "states.Status",
    "WatchEventsResponse": "states.Happening",
    "Evidence": "states.Evidence",
    "AttestResponse": "states.Attestation",
    "Wire": "states.Wire",
    "GetWiresResponse": "states.Wires",
    "DataPlace": "states.DataPlace",
    "GetPrivacyResponse": "states.Privacy",
    "DrainResponse": "states.Drained",
    "ApplyTemplateResponse": "values.RenderedPrompt",
    "Progress": "events.Progress",
}


def read_event(message: Any) -> Event | None:
    """The event in a hob.v1.Event; None if it is of a kind we do not know."""
    kind = message.WhichOneof("kind")
    reader = _EVENTS.get(kind)
    return reader(getattr(message, kind)) if reader else None


def read(message: Any) -> Any:
    """The value of the same shape as a message, field by field."""
    value_type = value_of(message.DESCRIPTOR.name)
    by_name = message.DESCRIPTOR.fields_by_name
    return value_type(**{f.name: _field(message, by_name[f.name]) for f in fields(value_type)})


@cache
def value_of(name: str) -> type[Any]:
    """The class of a message of the contract. Raises KeyError."""
    module, _, its_name = _VALUES[name].partition(".")
    found: type[Any] = getattr(import_module(f"hob_client.{module}"), its_name)
    return found


def read_details(message: Any) -> models.ModelDetails:
    """By hand: what is not set is absent, not empty."""
    from hob_client import models

    return models.ModelDetails(
        model=read(message.model),
        resident=read(message.resident) if message.HasField("resident") else None,
        estimate=tuple(map(read, message.estimate)),
        facts=tuple(map(read, message.facts)),
        plan=read(message.plan) if message.HasField("plan") else None,
        problem=message.problem,
        admission=tuple(map(read, message.admission)),
        same_digest=tuple(message.same_digest),
    )


def _field(message: Any, field: FieldDescriptor) -> Any:
    content = getattr(message, field.name)
    if field.message_type is not None:
        if field.is_repeated:
            return tuple(read(part) for part in content)
        if field.message_type.name in _VALUES:
            return read(content)
        return _time(content) if message.HasField(field.name) else None
    if field.is_repeated and field.enum_type is not None:
        return tuple(_short(field.enum_type, number) for number in content)
    if field.is_repeated:
        return tuple(content)
    return _short(field.enum_type, content) if field.enum_type is not None else content


def _short(enum: Any, number: int) -> str:
    """FINISH_REASON_MAX_TOKENS as "max_tokens"; the enum's zero tells the prefix."""
    if number not in enum.values_by_number:
        return f"unknown_{number}"
    prefix: str = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    name: str = enum.values_by_number[number].name
    return name.removeprefix(prefix).lower()


def _time(timestamp: Any) -> datetime:
    moment: datetime = timestamp.ToDatetime(tzinfo=UTC)
    return moment.astimezone()


def _delta(message: Any) -> Delta:
    """By hand, not through read(): one for every piece of text."""
    return Delta(
        text=message.text,
        num_tokens=message.num_tokens,
        answer=message.answer,
        is_reasoning=message.is_reasoning,
        logprobs=tuple(map(read, message.logprobs)) if message.logprobs else (),
    )


def _tool_call(message: Any) -> ToolCallDelta:
    return ToolCallDelta(
        index=message.index,
        id=message.id,
        name=message.name,
        arguments=message.arguments,
        num_tokens=message.num_tokens,
        answer=message.answer,
        logprobs=tuple(map(read, message.logprobs)),
    )


def _started(message: Any) -> Started:
    return Started(request_id=message.request_id, model=message.model)


def _warning(message: Any) -> Warning:
    return Warning(code=message.code, message=message.message)


def _done(message: Any) -> Done:
    return Done(answers=tuple(map(read, message.answers)), receipt=read(message.receipt))


_EVENTS: dict[str | None, Callable[[Any], Event]] = {
    "progress": read,
    "started": _started,
    "delta": _delta,
    "tool_call": _tool_call,
    "warning": _warning,
    "done": _done,
}
