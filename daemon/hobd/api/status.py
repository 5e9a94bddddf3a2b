"""One table: what each error of ours is on the wire.

Must be total over errors.py (a test says so) and must never let a foreign exception's text out. Used by
api/host.py.
"""

from __future__ import annotations

from grpclib.const import Status
from hob.v1 import daemon_pb2 as pb

from hobd import errors

# Error class -> gRPC status for those who know no more, and the typed code for those who do.
STATUS: dict[type[errors.HobError], tuple[Status, pb.ErrorCode]] = {
    errors.InvalidRequest: (Status.INVALID_ARGUMENT, pb.ERROR_CODE_INVALID_REQUEST),
    errors.PromptTooLong: (Status.INVALID_ARGUMENT, pb.ERROR_CODE_PROMPT_TOO_LONG),
    errors.ModelNotFound: (Status.NOT_FOUND, pb.ERROR_CODE_MODEL_NOT_FOUND),
    errors.ModelUnusable: (Status.FAILED_PRECONDITION, pb.ERROR_CODE_MODEL_UNUSABLE),
    errors.OutOfMemory: (Status.RESOURCE_EXHAUSTED, pb.ERROR_CODE_OUT_OF_MEMORY),
    errors.Busy: (Status.RESOURCE_EXHAUSTED, pb.ERROR_CODE_BUSY),
    errors.WorkerCrashed: (Status.ABORTED, pb.ERROR_CODE_WORKER_CRASHED),
    # Not UNAVAILABLE: gRPC clients retry that by themselves, and ours take it for an unreachable daemon.
    errors.Draining: (Status.ABORTED, pb.ERROR_CODE_DRAINING),
    errors.NotPermitted: (Status.PERMISSION_DENIED, pb.ERROR_CODE_NOT_PERMITTED),
    errors.NotSupported: (Status.UNIMPLEMENTED, pb.ERROR_CODE_NOT_SUPPORTED),
    errors.ConfigError: (Status.FAILED_PRECONDITION, pb.ERROR_CODE_INTERNAL),
    errors.DoorError: (Status.FAILED_PRECONDITION, pb.ERROR_CODE_INTERNAL),
    errors.HobError: (Status.INTERNAL, pb.ERROR_CODE_INTERNAL),
}


def status_of(error: errors.HobError) -> Status:
    return STATUS[type(error)][0]


def detail_of(error: errors.HobError, request_id: str = "") -> pb.ErrorDetail:
    """The typed half of an error, which rides in the trailing metadata."""
    return pb.ErrorDetail(
        code=STATUS[type(error)][1],
        model=error.model,
        request_id=request_id,
        suggestions=error.suggestions,
        needed_tokens=error.needed_tokens,
        available_tokens=error.available_tokens,
        retry_after_ms=error.retry_after_ms,
        door=error.door,
        rule=error.rule,
    )
