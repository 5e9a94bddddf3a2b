import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hob.v1 import inference_pb2 as _inference_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Residency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESIDENCY_UNSPECIFIED: _ClassVar[Residency]
    RESIDENCY_ABSENT: _ClassVar[Residency]
    RESIDENCY_LOADING: _ClassVar[Residency]
    RESIDENCY_READY: _ClassVar[Residency]
    RESIDENCY_UNLOADING: _ClassVar[Residency]

class Ability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ABILITY_UNSPECIFIED: _ClassVar[Ability]
    ABILITY_GENERATE: _ClassVar[Ability]
    ABILITY_CHAT: _ClassVar[Ability]
    ABILITY_INFILL: _ClassVar[Ability]
    ABILITY_EMBED: _ClassVar[Ability]
    ABILITY_RERANK: _ClassVar[Ability]
    ABILITY_SEE: _ClassVar[Ability]
    ABILITY_HEAR: _ClassVar[Ability]
RESIDENCY_UNSPECIFIED: Residency
RESIDENCY_ABSENT: Residency
RESIDENCY_LOADING: Residency
RESIDENCY_READY: Residency
RESIDENCY_UNLOADING: Residency
ABILITY_UNSPECIFIED: Ability
ABILITY_GENERATE: Ability
ABILITY_CHAT: Ability
ABILITY_INFILL: Ability
ABILITY_EMBED: Ability
ABILITY_RERANK: Ability
ABILITY_SEE: Ability
ABILITY_HEAR: Ability

class Model(_message.Message):
    __slots__ = ("name", "aliases", "file_bytes", "sha256", "license", "residency", "pinned", "modified_at", "draft", "template_overridden", "adapters", "projector", "quarantined")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    RESIDENCY_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_OVERRIDDEN_FIELD_NUMBER: _ClassVar[int]
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    PROJECTOR_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    name: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    file_bytes: int
    sha256: str
    license: str
    residency: Residency
    pinned: bool
    modified_at: _timestamp_pb2.Timestamp
    draft: str
    template_overridden: bool
    adapters: _containers.RepeatedCompositeFieldContainer[Adapter]
    projector: str
    quarantined: str
    def __init__(self, name: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., file_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., license: _Optional[str] = ..., residency: _Optional[_Union[Residency, str]] = ..., pinned: _Optional[bool] = ..., modified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., draft: _Optional[str] = ..., template_overridden: _Optional[bool] = ..., adapters: _Optional[_Iterable[_Union[Adapter, _Mapping]]] = ..., projector: _Optional[str] = ..., quarantined: _Optional[str] = ...) -> None: ...

class Adapter(_message.Message):
    __slots__ = ("name", "file_bytes", "sha256", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    file_bytes: int
    sha256: str
    problem: str
    def __init__(self, name: _Optional[str] = ..., file_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class Resident(_message.Message):
    __slots__ = ("model", "residency", "worker_pid", "resident_bytes", "context_tokens", "num_lanes", "num_running", "num_queued", "used_cells", "total_cells", "num_threads", "degraded", "sandbox", "loaded_at", "idle_since", "leaves_at", "pinned", "num_restarts", "architecture", "memory", "num_tokens_generated", "cached_cells", "stash_bytes", "num_threads_computing", "num_prompt_tokens", "num_cached_tokens", "num_drafted_tokens", "num_accepted_tokens", "abilities", "embedding_dimensions", "draft", "draft_problem", "template_overridden", "projector", "projector_problem", "projector_sha256", "pool_bytes", "num_restored", "num_leases", "leaves_for", "kept_until", "num_trips", "trips", "shrunk")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RESIDENCY_FIELD_NUMBER: _ClassVar[int]
    WORKER_PID_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_LANES_FIELD_NUMBER: _ClassVar[int]
    NUM_RUNNING_FIELD_NUMBER: _ClassVar[int]
    NUM_QUEUED_FIELD_NUMBER: _ClassVar[int]
    USED_CELLS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_CELLS_FIELD_NUMBER: _ClassVar[int]
    NUM_THREADS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    LOADED_AT_FIELD_NUMBER: _ClassVar[int]
    IDLE_SINCE_FIELD_NUMBER: _ClassVar[int]
    LEAVES_AT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    NUM_RESTARTS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_GENERATED_FIELD_NUMBER: _ClassVar[int]
    CACHED_CELLS_FIELD_NUMBER: _ClassVar[int]
    STASH_BYTES_FIELD_NUMBER: _ClassVar[int]
    NUM_THREADS_COMPUTING_FIELD_NUMBER: _ClassVar[int]
    NUM_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_CACHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_DRAFTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    NUM_ACCEPTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ABILITIES_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    DRAFT_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_OVERRIDDEN_FIELD_NUMBER: _ClassVar[int]
    PROJECTOR_FIELD_NUMBER: _ClassVar[int]
    PROJECTOR_PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROJECTOR_SHA256_FIELD_NUMBER: _ClassVar[int]
    POOL_BYTES_FIELD_NUMBER: _ClassVar[int]
    NUM_RESTORED_FIELD_NUMBER: _ClassVar[int]
    NUM_LEASES_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FOR_FIELD_NUMBER: _ClassVar[int]
    KEPT_UNTIL_FIELD_NUMBER: _ClassVar[int]
    NUM_TRIPS_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    SHRUNK_FIELD_NUMBER: _ClassVar[int]
    model: str
    residency: Residency
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
    loaded_at: _timestamp_pb2.Timestamp
    idle_since: _timestamp_pb2.Timestamp
    leaves_at: _timestamp_pb2.Timestamp
    pinned: bool
    num_restarts: int
    architecture: str
    memory: _containers.RepeatedCompositeFieldContainer[MemoryLine]
    num_tokens_generated: int
    cached_cells: int
    stash_bytes: int
    num_threads_computing: int
    num_prompt_tokens: int
    num_cached_tokens: int
    num_drafted_tokens: int
    num_accepted_tokens: int
    abilities: _containers.RepeatedScalarFieldContainer[Ability]
    embedding_dimensions: int
    draft: str
    draft_problem: str
    template_overridden: bool
    projector: str
    projector_problem: str
    projector_sha256: str
    pool_bytes: int
    num_restored: int
    num_leases: int
    leaves_for: str
    kept_until: _timestamp_pb2.Timestamp
    num_trips: int
    trips: str
    shrunk: str
    def __init__(self, model: _Optional[str] = ..., residency: _Optional[_Union[Residency, str]] = ..., worker_pid: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., context_tokens: _Optional[int] = ..., num_lanes: _Optional[int] = ..., num_running: _Optional[int] = ..., num_queued: _Optional[int] = ..., used_cells: _Optional[int] = ..., total_cells: _Optional[int] = ..., num_threads: _Optional[int] = ..., degraded: _Optional[str] = ..., sandbox: _Optional[str] = ..., loaded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., idle_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., leaves_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pinned: _Optional[bool] = ..., num_restarts: _Optional[int] = ..., architecture: _Optional[str] = ..., memory: _Optional[_Iterable[_Union[MemoryLine, _Mapping]]] = ..., num_tokens_generated: _Optional[int] = ..., cached_cells: _Optional[int] = ..., stash_bytes: _Optional[int] = ..., num_threads_computing: _Optional[int] = ..., num_prompt_tokens: _Optional[int] = ..., num_cached_tokens: _Optional[int] = ..., num_drafted_tokens: _Optional[int] = ..., num_accepted_tokens: _Optional[int] = ..., abilities: _Optional[_Iterable[_Union[Ability, str]]] = ..., embedding_dimensions: _Optional[int] = ..., draft: _Optional[str] = ..., draft_problem: _Optional[str] = ..., template_overridden: _Optional[bool] = ..., projector: _Optional[str] = ..., projector_problem: _Optional[str] = ..., projector_sha256: _Optional[str] = ..., pool_bytes: _Optional[int] = ..., num_restored: _Optional[int] = ..., num_leases: _Optional[int] = ..., leaves_for: _Optional[str] = ..., kept_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., num_trips: _Optional[int] = ..., trips: _Optional[str] = ..., shrunk: _Optional[str] = ...) -> None: ...

class MemoryLine(_message.Message):
    __slots__ = ("device", "purpose", "reserved_bytes", "measured_bytes")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEASURED_BYTES_FIELD_NUMBER: _ClassVar[int]
    device: str
    purpose: str
    reserved_bytes: int
    measured_bytes: int
    def __init__(self, device: _Optional[str] = ..., purpose: _Optional[str] = ..., reserved_bytes: _Optional[int] = ..., measured_bytes: _Optional[int] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("lines", "devices", "steps", "evicts", "problem", "fits_now", "context_tokens")
    LINES_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EVICTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    FITS_NOW_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[MemoryLine]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    steps: _containers.RepeatedScalarFieldContainer[str]
    evicts: _containers.RepeatedScalarFieldContainer[str]
    problem: str
    fits_now: bool
    context_tokens: int
    def __init__(self, lines: _Optional[_Iterable[_Union[MemoryLine, _Mapping]]] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ..., steps: _Optional[_Iterable[str]] = ..., evicts: _Optional[_Iterable[str]] = ..., problem: _Optional[str] = ..., fits_now: _Optional[bool] = ..., context_tokens: _Optional[int] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("name", "label", "total_bytes", "free_bytes", "budget_bytes", "reserved_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    total_bytes: int
    free_bytes: int
    budget_bytes: int
    reserved_bytes: int
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ..., total_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ..., budget_bytes: _Optional[int] = ..., reserved_bytes: _Optional[int] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "resident", "estimate", "facts", "plan", "problem", "admission", "same_digest")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    SAME_DIGEST_FIELD_NUMBER: _ClassVar[int]
    model: Model
    resident: Resident
    estimate: _containers.RepeatedCompositeFieldContainer[MemoryLine]
    facts: _containers.RepeatedCompositeFieldContainer[Facts]
    plan: Plan
    problem: str
    admission: _containers.RepeatedCompositeFieldContainer[Admission]
    same_digest: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., resident: _Optional[_Union[Resident, _Mapping]] = ..., estimate: _Optional[_Iterable[_Union[MemoryLine, _Mapping]]] = ..., facts: _Optional[_Iterable[_Union[Facts, _Mapping]]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., problem: _Optional[str] = ..., admission: _Optional[_Iterable[_Union[Admission, _Mapping]]] = ..., same_digest: _Optional[_Iterable[str]] = ...) -> None: ...

class Admission(_message.Message):
    __slots__ = ("file", "role", "sha256", "verified_at", "expected_sha256", "expected_by", "pinned_at", "filesystem", "hashed_at_every_load", "signature", "signature_text", "findings", "quarantined", "refusal")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SHA256_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_BY_FIELD_NUMBER: _ClassVar[int]
    PINNED_AT_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_FIELD_NUMBER: _ClassVar[int]
    HASHED_AT_EVERY_LOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_TEXT_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    file: str
    role: str
    sha256: str
    verified_at: _timestamp_pb2.Timestamp
    expected_sha256: str
    expected_by: str
    pinned_at: _timestamp_pb2.Timestamp
    filesystem: str
    hashed_at_every_load: bool
    signature: str
    signature_text: str
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    quarantined: str
    refusal: str
    def __init__(self, file: _Optional[str] = ..., role: _Optional[str] = ..., sha256: _Optional[str] = ..., verified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expected_sha256: _Optional[str] = ..., expected_by: _Optional[str] = ..., pinned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., filesystem: _Optional[str] = ..., hashed_at_every_load: _Optional[bool] = ..., signature: _Optional[str] = ..., signature_text: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., quarantined: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("severity", "code", "text", "is_refusal")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IS_REFUSAL_FIELD_NUMBER: _ClassVar[int]
    severity: str
    code: str
    text: str
    is_refusal: bool
    def __init__(self, severity: _Optional[str] = ..., code: _Optional[str] = ..., text: _Optional[str] = ..., is_refusal: _Optional[bool] = ...) -> None: ...

class Facts(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("model", "dry_run", "pin", "keep_alive_seconds", "trial")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    model: str
    dry_run: bool
    pin: bool
    keep_alive_seconds: int
    trial: EngineSettings
    def __init__(self, model: _Optional[str] = ..., dry_run: _Optional[bool] = ..., pin: _Optional[bool] = ..., keep_alive_seconds: _Optional[int] = ..., trial: _Optional[_Union[EngineSettings, _Mapping]] = ...) -> None: ...

class EngineSettings(_message.Message):
    __slots__ = ("threads", "batch_tokens", "kv_type")
    THREADS_FIELD_NUMBER: _ClassVar[int]
    BATCH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    KV_TYPE_FIELD_NUMBER: _ClassVar[int]
    threads: int
    batch_tokens: int
    kv_type: str
    def __init__(self, threads: _Optional[int] = ..., batch_tokens: _Optional[int] = ..., kv_type: _Optional[str] = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("progress", "loaded", "plan")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    progress: _inference_pb2.Progress
    loaded: Resident
    plan: Plan
    def __init__(self, progress: _Optional[_Union[_inference_pb2.Progress, _Mapping]] = ..., loaded: _Optional[_Union[Resident, _Mapping]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class UnloadModelRequest(_message.Message):
    __slots__ = ("model", "force")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    force: bool
    def __init__(self, model: _Optional[str] = ..., force: _Optional[bool] = ...) -> None: ...

class UnloadModelResponse(_message.Message):
    __slots__ = ("was_resident", "freed_bytes")
    WAS_RESIDENT_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    was_resident: bool
    freed_bytes: int
    def __init__(self, was_resident: _Optional[bool] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class PinModelRequest(_message.Message):
    __slots__ = ("model", "pinned")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    model: str
    pinned: bool
    def __init__(self, model: _Optional[str] = ..., pinned: _Optional[bool] = ...) -> None: ...

class PinModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyModelRequest(_message.Message):
    __slots__ = ("model", "accept")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    model: str
    accept: bool
    def __init__(self, model: _Optional[str] = ..., accept: _Optional[bool] = ...) -> None: ...

class VerifyModelResponse(_message.Message):
    __slots__ = ("progress", "verified")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    progress: _inference_pb2.Progress
    verified: Verified
    def __init__(self, progress: _Optional[_Union[_inference_pb2.Progress, _Mapping]] = ..., verified: _Optional[_Union[Verified, _Mapping]] = ...) -> None: ...

class Verified(_message.Message):
    __slots__ = ("sha256", "recorded")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    recorded: bool
    def __init__(self, sha256: _Optional[str] = ..., recorded: _Optional[bool] = ...) -> None: ...

class ReleaseModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ReleaseModelResponse(_message.Message):
    __slots__ = ("reasons",)
    REASONS_FIELD_NUMBER: _ClassVar[int]
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class ForgetCacheRequest(_message.Message):
    __slots__ = ("model", "cache_domain")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CACHE_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    model: str
    cache_domain: str
    def __init__(self, model: _Optional[str] = ..., cache_domain: _Optional[str] = ...) -> None: ...

class ForgetCacheResponse(_message.Message):
    __slots__ = ("num_prefixes", "freed_bytes")
    NUM_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    num_prefixes: int
    freed_bytes: int
    def __init__(self, num_prefixes: _Optional[int] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class TuneModelRequest(_message.Message):
    __slots__ = ("model", "remember", "forget")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REMEMBER_FIELD_NUMBER: _ClassVar[int]
    FORGET_FIELD_NUMBER: _ClassVar[int]
    model: str
    remember: EngineSettings
    forget: bool
    def __init__(self, model: _Optional[str] = ..., remember: _Optional[_Union[EngineSettings, _Mapping]] = ..., forget: _Optional[bool] = ...) -> None: ...

class TuneModelResponse(_message.Message):
    __slots__ = ("tunings", "fixed")
    TUNINGS_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    tunings: _containers.RepeatedCompositeFieldContainer[Tuning]
    fixed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tunings: _Optional[_Iterable[_Union[Tuning, _Mapping]]] = ..., fixed: _Optional[_Iterable[str]] = ...) -> None: ...

class Tuning(_message.Message):
    __slots__ = ("model", "settings", "at")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    model: str
    settings: EngineSettings
    at: _timestamp_pb2.Timestamp
    def __init__(self, model: _Optional[str] = ..., settings: _Optional[_Union[EngineSettings, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
