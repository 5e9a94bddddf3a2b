"""What a call can fail with, named for what the caller should do, and the way back from gRPC to it.

Must never hold text of a prompt, and never import grpc: launch.py raises these before grpc is there.
Raised by everything in hob_client; hob_cli/exits.py gives each an exit code.

    HobError
    ├── InvalidRequest       change the request
    │   └── PromptTooLong    shorten it, or name a truncation strategy
    ├── ModelNotFound        pick one of the suggestions
    ├── ModelUnusable        replace the file
    ├── OutOfMemory          ask for less, or later
    ├── Busy                 retry after `retry_after_ms`
    ├── WorkerCrashed        retry
    ├── Draining             the daemon is going; start it again
    ├── NotPermitted         this door does not grant it
    ├── NotSupported         this build or model cannot do it
    ├── InternalError        report it, with the request id
    ├── Cancelled            somebody ended the call
    ├── DeadlineExceeded     allow more time
    ├── DaemonUnreachable    start the daemon
    └── DaemonStartFailed    read its log
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, Protocol

#: The trailing metadata that carries a serialized hob.v1.ErrorDetail.
DETAIL_KEY = "hob-error-bin"


class HobError(Exception):
    """One sentence: what happened, to which model or request, what to do."""

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        model: str = "",
        request_id: str = "",
        suggestions: tuple[str, ...] = (),
        needed_tokens: int | None = None,
        available_tokens: int | None = None,
        retry_after_ms: int | None = None,
        door: str = "",
        rule: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.model = model
        self.request_id = request_id
        self.suggestions = suggestions
        self.needed_tokens = needed_tokens
        self.available_tokens = available_tokens
        self.retry_after_ms = retry_after_ms
        self.door = door  # with `rule`: what of this door's grants refused it
        self.rule = rule


class InvalidRequest(HobError):
    code = "invalid_request"


class PromptTooLong(InvalidRequest):
    code = "prompt_too_long"


class ModelNotFound(HobError):
    code = "model_not_found"


class ModelUnusable(HobError):
    code = "model_unusable"


class OutOfMemory(HobError):
    code = "out_of_memory"


class Busy(HobError):
    code = "busy"


class WorkerCrashed(HobError):
    code = "worker_crashed"


class Draining(HobError):
    code = "draining"


class NotPermitted(HobError):
    code = "not_permitted"


class NotSupported(HobError):
    code = "not_supported"


class InternalError(HobError):
    code = "internal"


class Cancelled(HobError):
    code = "cancelled"


class DeadlineExceeded(HobError):
    code = "deadline_exceeded"


class DaemonUnreachable(HobError):
    code = "daemon_unreachable"


class DaemonStartFailed(HobError):
    code = "daemon_start_failed"


#: By the name of hob.v1.ErrorCode, less its prefix. A test proves it total.
BY_CODE: dict[str, type[HobError]] = {
    error.code: error
    for error in (
        InvalidRequest,
        PromptTooLong,
        ModelNotFound,
        ModelUnusable,
        OutOfMemory,
        Busy,
        WorkerCrashed,
        Draining,
        NotPermitted,
        NotSupported,
        InternalError,
    )
}


class RpcFailure(Protocol):
    """What grpc.RpcError is at run time, for a sync call and for an async one."""

    def code(self) -> Any: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Any: ...


def from_rpc(failure: RpcFailure, *, socket: str, has_answered: bool = False) -> HobError:
    """The daemon's own error if one came along, else what the bare status means."""
    message = failure.details() or ""
    for key, value in failure.trailing_metadata() or ():
        if key == DETAIL_KEY:
            return _from_detail(value, message)
    return _from_status(failure.code().name, message, socket, has_answered)


def _from_detail(serialized: bytes, message: str) -> HobError:
    # Only failures need the message types of the daemon service; successes do not pay for the import.
    from google.protobuf.message import DecodeError
    from hob.v1.daemon_pb2 import ErrorCode, ErrorDetail

    try:
        detail = ErrorDetail.FromString(serialized)
    except DecodeError:
        return InternalError(f"{message} (and the daemon's account of it could not be read)")
    name = ErrorCode.Name(detail.code) if detail.code in ErrorCode.values() else ""
    error = BY_CODE.get(name.removeprefix("ERROR_CODE_").lower(), InternalError)
    return error(
        message,
        model=detail.model,
        request_id=detail.request_id,
        suggestions=tuple(detail.suggestions),
        needed_tokens=detail.needed_tokens if detail.HasField("needed_tokens") else None,
        available_tokens=detail.available_tokens if detail.HasField("available_tokens") else None,
        retry_after_ms=detail.retry_after_ms if detail.HasField("retry_after_ms") else None,
        door=detail.door,
        rule=detail.rule,
    )


def _from_status(status: str, message: str, socket: str, has_answered: bool) -> HobError:
    if status == "UNAVAILABLE":
        if has_answered:
            return DaemonUnreachable(f"the daemon at {socket} went away in the middle of the call; try again")
        if os.path.lexists(socket):
            return DaemonUnreachable(
                f"what answers at {socket} hung up: this door does not admit you, or "
                "its daemon ended; ask its owner"
            )
        return DaemonUnreachable(f"no daemon answers at {socket}; start one with `hobd`")
    if status == "CANCELLED":
        return Cancelled("the call was cancelled before it was complete")
    if status == "DEADLINE_EXCEEDED":
        return DeadlineExceeded("the call took longer than its timeout; allow more time, or ask for less")
    if status == "UNIMPLEMENTED":
        return NotSupported("the daemon does not know this call; if it is older than this client, restart it")
    if status == "RESOURCE_EXHAUSTED":
        return InvalidRequest("the message is larger than the connection allows; send less at once")
    return InternalError(f"the daemon failed with {status} and told no more: {message[:200]}")
