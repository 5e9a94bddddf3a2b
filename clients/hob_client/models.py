"""What the daemon tells about models, on the disk and in memory, as values.

Must stay data: fields have the names of the contract, so reading.py can fill them; no I/O, no gRPC.
Made by reading.py; used by whoever uses a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A LoRA adapter of a model, to be named in a request's `loras`."""

    name: str
    file_bytes: int
    sha256: str
    problem: str  # why it cannot be used; empty if nothing is known against it


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How a model is run. 0 and "": as it would be anyway."""

    threads: int = 0
    batch_tokens: int = 0
    kv_type: str = ""  # f16 or q8_0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What was measured to suit a model on the daemon's machine."""

    model: str
    settings: EngineSettings
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunings:
    tunings: tuple[Tuning, ...]
    fixed: tuple[str, ...]  # of [engine]: what the configuration says, which no tuning changes


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
    quarantined: str  # why it is not loaded any more


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
class Finding:
    """Something that speaks against a file: serious, suspicious or odd."""

    severity: str
    code: str
    text: str
    is_refusal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is known of a file before a worker may see it. With a `refusal` none will."""

    file: str
    role: str  # model, draft, adapter, projector
    sha256: str  # of the file as it is now; empty when nobody has read it since it was changed
    verified_at: datetime | None
    expected_sha256: str
    expected_by: str  # sidecar, or first use
    pinned_at: datetime | None
    filesystem: str
    hashed_at_every_load: bool
    signature: str  # signed, unsigned, wrong, unknown; empty where nobody asks for one
    signature_text: str
    findings: tuple[Finding, ...]
    quarantined: str
    refusal: str


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
    num_trips: int  # attempts of its worker at what the sandbox forbids
    trips: str  # the same in words
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
    admission: tuple[Admission, ...]  # its file first, then those that are loaded with it
    same_digest: tuple[str, ...]  # other files that are the same, as far as is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    kind: ClassVar[Literal["verified"]] = "verified"
    sha256: str
    recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """Why the model and what lies beside it were in quarantine; empty if they were not."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unloaded:
    was_resident: bool
    freed_bytes: int
