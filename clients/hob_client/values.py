"""What the daemon tells about models, requests and itself, as values.

Must stay data: fields have the names of the contract, so reading.py can fill them; no I/O, no gRPC.
Made by reading.py; used by whoever uses a client.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedLora:
    """An adapter that took part in an answer."""

    name: str
    scale: float
    sha256: str  # empty when it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An image or a sound for a message's content: the bytes of a file, as `Path.read_bytes` gives them."""

    data: bytes = field(repr=False)
    mime_type: str = ""  # for people; the daemon looks at the bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a request took, in numbers; never a word of what was said."""

    kind: ClassVar[Literal["receipt"]] = "receipt"
    request_id: str
    model: str
    model_sha256: str
    template_sha256: str
    engine_build: str
    seed: int
    num_prompt_tokens: int
    num_cached_tokens: int
    num_completion_tokens: int
    queue_ms: int
    load_ms: int
    prefill_ms: int
    decode_ms: int
    truncated: bool
    num_dropped_tokens: int
    num_media_tokens: int
    resumed: bool
    degraded: bool
    loras: tuple[AppliedLora, ...] = ()
    client_request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    answer: int
    finish_reason: str  # eos, stop, max_tokens, context_full, tool_calls, cancelled, deadline
    stop: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A function that the model wants to have called. Answer it with a message of role tool."""

    id: str
    name: str
    arguments: str = field(repr=False)  # JSON text

    def parsed(self) -> dict[str, Any]:
        """The arguments. Raises ValueError when they are no JSON object, as in an answer that was cut off."""
        arguments = json.loads(self.arguments)
        if not isinstance(arguments, dict):
            raise ValueError("the arguments of the call are not a JSON object")
        return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    token_id: int = field(repr=False)
    token: bytes = field(repr=False)
    logprob: float
    top: tuple[TokenLogprob, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter of a model, to be named in a request's `loras`."""

    name: str
    file_bytes: int
    sha256: str
    problem: str  # why it cannot be used; empty if nothing is known against it


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    name: str
    aliases: tuple[str, ...]
    file_bytes: int
    sha256: str
    license: str
    residency: str  # absent, loading, ready, unloading
    pinned: bool
    modified_at: datetime | None
    draft: str
    adapters: tuple[Adapter, ...]
    template_overridden: bool  # by a file beside it, when it is loaded next
    projector: str  # the file beside it that it sees or hears with


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLine:
    device: str
    purpose: str
    reserved_bytes: int
    measured_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Memory that models may have: of the machine, or of a GPU."""

    name: str
    label: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int
    reserved_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a model would be loaded. With a `problem` it cannot be."""

    kind: ClassVar[Literal["plan"]] = "plan"
    lines: tuple[MemoryLine, ...]
    devices: tuple[Device, ...]
    steps: tuple[str, ...]  # what there would be less of than was configured
    evicts: tuple[str, ...]
    problem: str
    fits_now: bool
    context_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A model in memory."""

    kind: ClassVar[Literal["resident"]] = "resident"
    model: str
    residency: str
    worker_pid: int
    resident_bytes: int
    context_tokens: int
    num_lanes: int
    num_running: int
    num_queued: int
    used_cells: int
    total_cells: int
    num_threads: int
    degraded: str
    sandbox: str
    loaded_at: datetime | None
    idle_since: datetime | None
    leaves_at: datetime | None
    pinned: bool
    num_restarts: int
    architecture: str
    memory: tuple[MemoryLine, ...]
    num_tokens_generated: int
    cached_cells: int
    stash_bytes: int
    num_threads_computing: int
    num_prompt_tokens: int
    num_cached_tokens: int
    num_drafted_tokens: int
    num_accepted_tokens: int
    draft: str
    draft_problem: str
    abilities: tuple[str, ...]  # generate, chat, infill, embed, rerank, see, hear
    embedding_dimensions: int
    template_overridden: bool
    projector: str
    projector_problem: str
    projector_sha256: str
    pool_bytes: int
    num_restored: int  # prefixes of earlier workers
    num_leases: int  # requests that use it, or wait for its load
    leaves_for: str  # the model that waits for its room; empty for none
    kept_until: datetime | None  # as keep-alives ask
    shrunk: str  # what it got less of than was configured, so that it fits


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetails:
    """One model. Without a `plan` its header could not be read; `problem` says why."""

    model: Model
    resident: Resident | None
    estimate: tuple[MemoryLine, ...]
    facts: tuple[Facts, ...]
    plan: Plan | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """The vector of one input."""

    kind: ClassVar[Literal["embedding"]] = "embedding"
    input: int  # its place in the request
    values: tuple[float, ...] = field(repr=False)
    num_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """The vectors of all inputs, in their order."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDocument:
    document: int  # its place in the request
    score: float  # the greater the better


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The best document first."""

    ranking: tuple[RankedDocument, ...]
    method: str  # ranking_head: by the model itself; cosine: of the vectors, -1 to 1
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    kind: ClassVar[Literal["verified"]] = "verified"
    sha256: str
    recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unloaded:
    was_resident: bool
    freed_bytes: int


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
    loading_models: tuple[str, ...]


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
    property: str
    subject: str
    held: bool
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    evidence: tuple[Evidence, ...]
    all_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    num_finished: int
    num_ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPrompt:
    """What Chat would run."""

    prompt: str = field(repr=False)
    num_tokens: int
    template_sha256: str
