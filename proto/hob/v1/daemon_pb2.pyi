import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from hob.v1 import inference_pb2 as _inference_pb2
from hob.v1 import models_pb2 as _models_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MemoryYield(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEMORY_YIELD_UNSPECIFIED: _ClassVar[MemoryYield]
    MEMORY_YIELD_NOTHING: _ClassVar[MemoryYield]
    MEMORY_YIELD_CACHES: _ClassVar[MemoryYield]
    MEMORY_YIELD_IDLE_MODELS: _ClassVar[MemoryYield]
    MEMORY_YIELD_NEW_WORK: _ClassVar[MemoryYield]

class ErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_CODE_UNSPECIFIED: _ClassVar[ErrorCode]
    ERROR_CODE_INVALID_REQUEST: _ClassVar[ErrorCode]
    ERROR_CODE_PROMPT_TOO_LONG: _ClassVar[ErrorCode]
    ERROR_CODE_MODEL_NOT_FOUND: _ClassVar[ErrorCode]
    ERROR_CODE_MODEL_UNUSABLE: _ClassVar[ErrorCode]
    ERROR_CODE_OUT_OF_MEMORY: _ClassVar[ErrorCode]
    ERROR_CODE_BUSY: _ClassVar[ErrorCode]
    ERROR_CODE_WORKER_CRASHED: _ClassVar[ErrorCode]
    ERROR_CODE_DRAINING: _ClassVar[ErrorCode]
    ERROR_CODE_NOT_PERMITTED: _ClassVar[ErrorCode]
    ERROR_CODE_NOT_SUPPORTED: _ClassVar[ErrorCode]
    ERROR_CODE_INTERNAL: _ClassVar[ErrorCode]
MEMORY_YIELD_UNSPECIFIED: MemoryYield
MEMORY_YIELD_NOTHING: MemoryYield
MEMORY_YIELD_CACHES: MemoryYield
MEMORY_YIELD_IDLE_MODELS: MemoryYield
MEMORY_YIELD_NEW_WORK: MemoryYield
ERROR_CODE_UNSPECIFIED: ErrorCode
ERROR_CODE_INVALID_REQUEST: ErrorCode
ERROR_CODE_PROMPT_TOO_LONG: ErrorCode
ERROR_CODE_MODEL_NOT_FOUND: ErrorCode
ERROR_CODE_MODEL_UNUSABLE: ErrorCode
ERROR_CODE_OUT_OF_MEMORY: ErrorCode
ERROR_CODE_BUSY: ErrorCode
ERROR_CODE_WORKER_CRASHED: ErrorCode
ERROR_CODE_DRAINING: ErrorCode
ERROR_CODE_NOT_PERMITTED: ErrorCode
ERROR_CODE_NOT_SUPPORTED: ErrorCode
ERROR_CODE_INTERNAL: ErrorCode

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "pid", "started_at", "doors", "residents", "daemon_resident_bytes", "confinement", "draining", "config_path", "num_requests_served", "num_sessions", "models_dir", "engine_build", "memory", "waiting", "loading_models", "pool", "pool_limit_bytes", "spare_worker_pid", "classes", "memory_pressure", "trips", "tripwire", "num_trips", "offline", "offline_decided_by")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    DOORS_FIELD_NUMBER: _ClassVar[int]
    RESIDENTS_FIELD_NUMBER: _ClassVar[int]
    DAEMON_RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONFINEMENT_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    CONFIG_PATH_FIELD_NUMBER: _ClassVar[int]
    NUM_REQUESTS_SERVED_FIELD_NUMBER: _ClassVar[int]
    NUM_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    MODELS_DIR_FIELD_NUMBER: _ClassVar[int]
    ENGINE_BUILD_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    LOADING_MODELS_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    POOL_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPARE_WORKER_PID_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PRESSURE_FIELD_NUMBER: _ClassVar[int]
    TRIPS_FIELD_NUMBER: _ClassVar[int]
    TRIPWIRE_FIELD_NUMBER: _ClassVar[int]
    NUM_TRIPS_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    started_at: _timestamp_pb2.Timestamp
    doors: _containers.RepeatedCompositeFieldContainer[Door]
    residents: _containers.RepeatedCompositeFieldContainer[_models_pb2.Resident]
    daemon_resident_bytes: int
    confinement: str
    draining: bool
    config_path: str
    num_requests_served: int
    num_sessions: int
    models_dir: str
    engine_build: str
    memory: _containers.RepeatedCompositeFieldContainer[Memory]
    waiting: _containers.RepeatedCompositeFieldContainer[Waiting]
    loading_models: _containers.RepeatedScalarFieldContainer[str]
    pool: _containers.RepeatedCompositeFieldContainer[PoolUse]
    pool_limit_bytes: int
    spare_worker_pid: int
    classes: _containers.RepeatedCompositeFieldContainer[ClassLoad]
    memory_pressure: MemoryPressure
    trips: _containers.RepeatedCompositeFieldContainer[Trip]
    tripwire: str
    num_trips: int
    offline: bool
    offline_decided_by: str
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., doors: _Optional[_Iterable[_Union[Door, _Mapping]]] = ..., residents: _Optional[_Iterable[_Union[_models_pb2.Resident, _Mapping]]] = ..., daemon_resident_bytes: _Optional[int] = ..., confinement: _Optional[str] = ..., draining: _Optional[bool] = ..., config_path: _Optional[str] = ..., num_requests_served: _Optional[int] = ..., num_sessions: _Optional[int] = ..., models_dir: _Optional[str] = ..., engine_build: _Optional[str] = ..., memory: _Optional[_Iterable[_Union[Memory, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[Waiting, _Mapping]]] = ..., loading_models: _Optional[_Iterable[str]] = ..., pool: _Optional[_Iterable[_Union[PoolUse, _Mapping]]] = ..., pool_limit_bytes: _Optional[int] = ..., spare_worker_pid: _Optional[int] = ..., classes: _Optional[_Iterable[_Union[ClassLoad, _Mapping]]] = ..., memory_pressure: _Optional[_Union[MemoryPressure, _Mapping]] = ..., trips: _Optional[_Iterable[_Union[Trip, _Mapping]]] = ..., tripwire: _Optional[str] = ..., num_trips: _Optional[int] = ..., offline: _Optional[bool] = ..., offline_decided_by: _Optional[str] = ...) -> None: ...

class Trip(_message.Message):
    __slots__ = ("model", "sha256", "call", "count", "last_at")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_AT_FIELD_NUMBER: _ClassVar[int]
    model: str
    sha256: str
    call: str
    count: int
    last_at: _timestamp_pb2.Timestamp
    def __init__(self, model: _Optional[str] = ..., sha256: _Optional[str] = ..., call: _Optional[str] = ..., count: _Optional[int] = ..., last_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Memory(_message.Message):
    __slots__ = ("device", "budget_bytes", "reserved_bytes", "measured_bytes", "free_bytes")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEASURED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    device: str
    budget_bytes: int
    reserved_bytes: int
    measured_bytes: int
    free_bytes: int
    def __init__(self, device: _Optional[str] = ..., budget_bytes: _Optional[int] = ..., reserved_bytes: _Optional[int] = ..., measured_bytes: _Optional[int] = ..., free_bytes: _Optional[int] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("model", "num_requests", "since")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NUM_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    model: str
    num_requests: int
    since: _timestamp_pb2.Timestamp
    def __init__(self, model: _Optional[str] = ..., num_requests: _Optional[int] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PoolUse(_message.Message):
    __slots__ = ("model", "num_prefixes", "num_bytes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    NUM_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    NUM_BYTES_FIELD_NUMBER: _ClassVar[int]
    model: str
    num_prefixes: int
    num_bytes: int
    def __init__(self, model: _Optional[str] = ..., num_prefixes: _Optional[int] = ..., num_bytes: _Optional[int] = ...) -> None: ...

class ClassLoad(_message.Message):
    __slots__ = ("priority_class", "num_running", "num_waiting")
    PRIORITY_CLASS_FIELD_NUMBER: _ClassVar[int]
    NUM_RUNNING_FIELD_NUMBER: _ClassVar[int]
    NUM_WAITING_FIELD_NUMBER: _ClassVar[int]
    priority_class: _inference_pb2.PriorityClass
    num_running: int
    num_waiting: int
    def __init__(self, priority_class: _Optional[_Union[_inference_pb2.PriorityClass, str]] = ..., num_running: _Optional[int] = ..., num_waiting: _Optional[int] = ...) -> None: ...

class MemoryPressure(_message.Message):
    __slots__ = ("yields", "source", "num_alarms")
    YIELDS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NUM_ALARMS_FIELD_NUMBER: _ClassVar[int]
    yields: MemoryYield
    source: str
    num_alarms: int
    def __init__(self, yields: _Optional[_Union[MemoryYield, str]] = ..., source: _Optional[str] = ..., num_alarms: _Optional[int] = ...) -> None: ...

class Door(_message.Message):
    __slots__ = ("name", "path", "mode", "owner_uid", "num_connections", "grants", "users", "group", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    OWNER_UID_FIELD_NUMBER: _ClassVar[int]
    NUM_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    mode: int
    owner_uid: int
    num_connections: int
    grants: str
    users: _containers.RepeatedScalarFieldContainer[str]
    group: str
    source: str
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., mode: _Optional[int] = ..., owner_uid: _Optional[int] = ..., num_connections: _Optional[int] = ..., grants: _Optional[str] = ..., users: _Optional[_Iterable[str]] = ..., group: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class WatchEventsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchEventsResponse(_message.Message):
    __slots__ = ("at", "kind", "model", "request_id", "message", "reason", "beneficiary", "num_bytes", "client_request_id")
    AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BENEFICIARY_FIELD_NUMBER: _ClassVar[int]
    NUM_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    kind: str
    model: str
    request_id: str
    message: str
    reason: str
    beneficiary: str
    num_bytes: int
    client_request_id: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., model: _Optional[str] = ..., request_id: _Optional[str] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ..., beneficiary: _Optional[str] = ..., num_bytes: _Optional[int] = ..., client_request_id: _Optional[str] = ...) -> None: ...

class AttestRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AttestResponse(_message.Message):
    __slots__ = ("evidence", "all_held", "at")
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ALL_HELD_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    all_held: bool
    at: _timestamp_pb2.Timestamp
    def __init__(self, evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., all_held: _Optional[bool] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("property", "subject", "held", "observed", "source", "pid", "remedy")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    property: str
    subject: str
    held: bool
    observed: str
    source: str
    pid: int
    remedy: str
    def __init__(self, property: _Optional[str] = ..., subject: _Optional[str] = ..., held: _Optional[bool] = ..., observed: _Optional[str] = ..., source: _Optional[str] = ..., pid: _Optional[int] = ..., remedy: _Optional[str] = ...) -> None: ...

class GetWiresRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetWiresResponse(_message.Message):
    __slots__ = ("wires", "offline", "offline_decided_by")
    WIRES_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    wires: _containers.RepeatedCompositeFieldContainer[Wire]
    offline: bool
    offline_decided_by: str
    def __init__(self, wires: _Optional[_Iterable[_Union[Wire, _Mapping]]] = ..., offline: _Optional[bool] = ..., offline_decided_by: _Optional[str] = ...) -> None: ...

class Wire(_message.Message):
    __slots__ = ("name", "state", "reaches", "evidence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REACHES_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    reaches: str
    evidence: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., reaches: _Optional[str] = ..., evidence: _Optional[str] = ...) -> None: ...

class GetPrivacyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetPrivacyResponse(_message.Message):
    __slots__ = ("places",)
    PLACES_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[DataPlace]
    def __init__(self, places: _Optional[_Iterable[_Union[DataPlace, _Mapping]]] = ...) -> None: ...

class DataPlace(_message.Message):
    __slots__ = ("data", "place", "lasts", "is_on_disk", "has_text", "setting")
    DATA_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    LASTS_FIELD_NUMBER: _ClassVar[int]
    IS_ON_DISK_FIELD_NUMBER: _ClassVar[int]
    HAS_TEXT_FIELD_NUMBER: _ClassVar[int]
    SETTING_FIELD_NUMBER: _ClassVar[int]
    data: str
    place: str
    lasts: str
    is_on_disk: bool
    has_text: bool
    setting: str
    def __init__(self, data: _Optional[str] = ..., place: _Optional[str] = ..., lasts: _Optional[str] = ..., is_on_disk: _Optional[bool] = ..., has_text: _Optional[bool] = ..., setting: _Optional[str] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("deadline_ms",)
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    def __init__(self, deadline_ms: _Optional[int] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("num_finished", "num_ended")
    NUM_FINISHED_FIELD_NUMBER: _ClassVar[int]
    NUM_ENDED_FIELD_NUMBER: _ClassVar[int]
    num_finished: int
    num_ended: int
    def __init__(self, num_finished: _Optional[int] = ..., num_ended: _Optional[int] = ...) -> None: ...

class ErrorDetail(_message.Message):
    __slots__ = ("code", "model", "request_id", "suggestions", "needed_tokens", "available_tokens", "retry_after_ms", "door", "rule")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    NEEDED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    DOOR_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    code: ErrorCode
    model: str
    request_id: str
    suggestions: _containers.RepeatedScalarFieldContainer[str]
    needed_tokens: int
    available_tokens: int
    retry_after_ms: int
    door: str
    rule: str
    def __init__(self, code: _Optional[_Union[ErrorCode, str]] = ..., model: _Optional[str] = ..., request_id: _Optional[str] = ..., suggestions: _Optional[_Iterable[str]] = ..., needed_tokens: _Optional[int] = ..., available_tokens: _Optional[int] = ..., retry_after_ms: _Optional[int] = ..., door: _Optional[str] = ..., rule: _Optional[str] = ...) -> None: ...
