"""What the daemon tells about itself and what happens in it, as values.

Must stay data: fields have the names of the contract, so reading.py can fill them; no I/O, no gRPC.
Made by reading.py; used by whoever uses a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hob_client.models import Resident


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was kept of prompts, and is no more."""

    num_prefixes: int
    freed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """What the daemon keeps, sealed, of a model that left memory."""

    model: str
    num_prefixes: int
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    name: str
    path: str
    mode: int
    owner_uid: int
    num_connections: int
    grants: str = ""  # in words
    users: tuple[str, ...] = ()  # who is admitted beside the owner
    group: str = ""
    source: str = ""  # the file that says so


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLoad:
    """How many requests of a class are under way."""

    priority_class: str
    num_running: int
    num_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPressure:
    """What the daemon gives up because the whole machine is short of memory."""

    yields: str  # nothing, caches, idle_models, new_work
    source: str
    num_alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One device's memory for models."""

    device: str
    budget_bytes: int
    reserved_bytes: int
    measured_bytes: int
    free_bytes: int  # negative when models took more than there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Requests that wait until others leave memory to their model."""

    model: str
    num_requests: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """All attempts at one system call by workers of one model, which the kernel refused."""

    model: str
    sha256: str
    call: str
    count: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The daemon about itself."""

    version: str
    pid: int
    started_at: datetime | None
    doors: tuple[Door, ...]
    residents: tuple[Resident, ...]
    daemon_resident_bytes: int
    confinement: str
    draining: bool
    config_path: str
    num_requests_served: int
    num_sessions: int
    models_dir: str
    engine_build: str
    classes: tuple[ClassLoad, ...]
    memory_pressure: MemoryPressure
    pool: tuple[PoolUse, ...]
    pool_limit_bytes: int
    spare_worker_pid: int
    memory: tuple[Memory, ...]  # for models, by device
    waiting: tuple[Waiting, ...]  # for room in memory; the first gets the next
    offline: bool  # clients that could use a network must not
    offline_decided_by: str
    loading_models: tuple[str, ...]
    trips: tuple[Trip, ...] = ()
    tripwire: str = ""  # what follows a trip: record, stop or quarantine; empty: nothing is heard
    num_trips: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened in the daemon, without content."""

    at: datetime | None
    kind: str
    model: str
    request_id: str
    message: str
    reason: str  # of an eviction: idle, or room
    beneficiary: str  # the model that gets the room
    num_bytes: int
    client_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of one property of one process."""

    property: str
    subject: str
    held: bool
    observed: str
    source: str
    pid: int
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    evidence: tuple[Evidence, ...]
    all_held: bool
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Something that could touch a network."""

    name: str
    state: str  # absent, off, on
    reaches: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wires:
    wires: tuple[Wire, ...]
    offline: bool
    offline_decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    """Where one kind of data is, and for how long."""

    data: str
    place: str
    lasts: str
    is_on_disk: bool
    has_text: bool
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    places: tuple[DataPlace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    num_finished: int
    num_ended: int
