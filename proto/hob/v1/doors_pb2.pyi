from hob.v1 import daemon_pb2 as _daemon_pb2
from hob.v1 import inference_pb2 as _inference_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DoorTerms(_message.Message):
    __slots__ = ("operations", "models", "best_class", "max_concurrent", "tokens_per_minute", "max_context_tokens", "max_tokens", "system_prompt", "schema_only", "incognito", "no_raw_prompts")
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    BEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_PROMPT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_ONLY_FIELD_NUMBER: _ClassVar[int]
    INCOGNITO_FIELD_NUMBER: _ClassVar[int]
    NO_RAW_PROMPTS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedScalarFieldContainer[str]
    models: _containers.RepeatedScalarFieldContainer[str]
    best_class: _inference_pb2.PriorityClass
    max_concurrent: int
    tokens_per_minute: int
    max_context_tokens: int
    max_tokens: int
    system_prompt: str
    schema_only: bool
    incognito: bool
    no_raw_prompts: bool
    def __init__(self, operations: _Optional[_Iterable[str]] = ..., models: _Optional[_Iterable[str]] = ..., best_class: _Optional[_Union[_inference_pb2.PriorityClass, str]] = ..., max_concurrent: _Optional[int] = ..., tokens_per_minute: _Optional[int] = ..., max_context_tokens: _Optional[int] = ..., max_tokens: _Optional[int] = ..., system_prompt: _Optional[str] = ..., schema_only: _Optional[bool] = ..., incognito: _Optional[bool] = ..., no_raw_prompts: _Optional[bool] = ...) -> None: ...

class DoorSettings(_message.Message):
    __slots__ = ("name", "path", "mode", "group", "users", "terms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    path: str
    mode: int
    group: str
    users: _containers.RepeatedScalarFieldContainer[str]
    terms: DoorTerms
    def __init__(self, name: _Optional[str] = ..., path: _Optional[str] = ..., mode: _Optional[int] = ..., group: _Optional[str] = ..., users: _Optional[_Iterable[str]] = ..., terms: _Optional[_Union[DoorTerms, _Mapping]] = ...) -> None: ...

class OpenDoor(_message.Message):
    __slots__ = ("door", "settings", "note", "user_terms")
    DOOR_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    USER_TERMS_FIELD_NUMBER: _ClassVar[int]
    door: _daemon_pb2.Door
    settings: DoorSettings
    note: str
    user_terms: _containers.RepeatedCompositeFieldContainer[UserTerms]
    def __init__(self, door: _Optional[_Union[_daemon_pb2.Door, _Mapping]] = ..., settings: _Optional[_Union[DoorSettings, _Mapping]] = ..., note: _Optional[str] = ..., user_terms: _Optional[_Iterable[_Union[UserTerms, _Mapping]]] = ...) -> None: ...

class UserTerms(_message.Message):
    __slots__ = ("user", "grants")
    USER_FIELD_NUMBER: _ClassVar[int]
    GRANTS_FIELD_NUMBER: _ClassVar[int]
    user: str
    grants: str
    def __init__(self, user: _Optional[str] = ..., grants: _Optional[str] = ...) -> None: ...

class ListDoorsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDoorsResponse(_message.Message):
    __slots__ = ("doors",)
    DOORS_FIELD_NUMBER: _ClassVar[int]
    doors: _containers.RepeatedCompositeFieldContainer[OpenDoor]
    def __init__(self, doors: _Optional[_Iterable[_Union[OpenDoor, _Mapping]]] = ...) -> None: ...

class AddDoorRequest(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: DoorSettings
    def __init__(self, settings: _Optional[_Union[DoorSettings, _Mapping]] = ...) -> None: ...

class AddDoorResponse(_message.Message):
    __slots__ = ("door", "file")
    DOOR_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    door: OpenDoor
    file: str
    def __init__(self, door: _Optional[_Union[OpenDoor, _Mapping]] = ..., file: _Optional[str] = ...) -> None: ...

class RemoveDoorRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveDoorResponse(_message.Message):
    __slots__ = ("file", "num_connections")
    FILE_FIELD_NUMBER: _ClassVar[int]
    NUM_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    file: str
    num_connections: int
    def __init__(self, file: _Optional[str] = ..., num_connections: _Optional[int] = ...) -> None: ...

class TestDoorRequest(_message.Message):
    __slots__ = ("door", "uid", "rpc", "operation", "model", "priority_class", "max_tokens", "raw", "system_message", "json_schema")
    DOOR_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    RPC_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_CLASS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    door: str
    uid: int
    rpc: str
    operation: str
    model: str
    priority_class: _inference_pb2.PriorityClass
    max_tokens: int
    raw: bool
    system_message: bool
    json_schema: bool
    def __init__(self, door: _Optional[str] = ..., uid: _Optional[int] = ..., rpc: _Optional[str] = ..., operation: _Optional[str] = ..., model: _Optional[str] = ..., priority_class: _Optional[_Union[_inference_pb2.PriorityClass, str]] = ..., max_tokens: _Optional[int] = ..., raw: _Optional[bool] = ..., system_message: _Optional[bool] = ..., json_schema: _Optional[bool] = ...) -> None: ...

class TestDoorResponse(_message.Message):
    __slots__ = ("allowed", "rule", "reason")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    rule: str
    reason: str
    def __init__(self, allowed: _Optional[bool] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReloadConfigRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadConfigResponse(_message.Message):
    __slots__ = ("changed", "needs_restart", "doors_opened", "doors_closed", "doors_changed", "problems")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    NEEDS_RESTART_FIELD_NUMBER: _ClassVar[int]
    DOORS_OPENED_FIELD_NUMBER: _ClassVar[int]
    DOORS_CLOSED_FIELD_NUMBER: _ClassVar[int]
    DOORS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    changed: _containers.RepeatedScalarFieldContainer[str]
    needs_restart: _containers.RepeatedScalarFieldContainer[str]
    doors_opened: _containers.RepeatedScalarFieldContainer[str]
    doors_closed: _containers.RepeatedScalarFieldContainer[str]
    doors_changed: _containers.RepeatedScalarFieldContainer[str]
    problems: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, changed: _Optional[_Iterable[str]] = ..., needs_restart: _Optional[_Iterable[str]] = ..., doors_opened: _Optional[_Iterable[str]] = ..., doors_closed: _Optional[_Iterable[str]] = ..., doors_changed: _Optional[_Iterable[str]] = ..., problems: _Optional[_Iterable[str]] = ...) -> None: ...
