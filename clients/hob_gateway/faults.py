"""What went wrong, as HTTP has it: a status, and the sentence of the error in each dialect's shape.

Must stay total over hob_client's errors (a test proves it). Called by telling.py and the dialects.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hob_client import errors
from hob_client.errors import HobError

Shape = Callable[[HobError], dict[str, Any]]

#: Clients try again by themselves after 409, 429 and everything from 500 on.
STATUSES: dict[str, int] = {
    errors.InvalidRequest.code: 400,
    errors.PromptTooLong.code: 400,
    errors.ModelNotFound.code: 404,
    errors.ModelUnusable.code: 422,
    errors.OutOfMemory.code: 503,
    errors.Busy.code: 429,
    errors.WorkerCrashed.code: 502,
    errors.Draining.code: 503,
    errors.NotPermitted.code: 403,
    errors.NotSupported.code: 422,
    errors.InternalError.code: 500,
    errors.Cancelled.code: 499,
    errors.DeadlineExceeded.code: 504,
    errors.DaemonUnreachable.code: 503,
    errors.DaemonStartFailed.code: 503,
}
_OPENAI_CODES = {errors.PromptTooLong.code: "context_length_exceeded"}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    403: "permission_error",
    404: "not_found_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def status_of(error: HobError) -> int:
    return STATUSES.get(error.code, 500)


def headers_of(error: HobError) -> dict[str, str]:
    """When to ask again, if the daemon said so."""
    if error.retry_after_ms is None:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after_ms / 1000)))}


def openai_shape(error: HobError) -> dict[str, Any]:
    kind = "invalid_request_error" if status_of(error) < 500 else "server_error"
    code = _OPENAI_CODES.get(error.code, error.code)
    return {"error": {"message": sentence(error), "type": kind, "param": None, "code": code}}


def anthropic_shape(error: HobError) -> dict[str, Any]:
    kind = _ANTHROPIC_TYPES.get(status_of(error), "api_error")
    return {"type": "error", "error": {"type": kind, "message": sentence(error)}}


def ollama_shape(error: HobError) -> dict[str, Any]:
    return {"error": sentence(error)}


def sentence(error: HobError) -> str:
    """The error's own, with the names that there are."""
    names = ", ".join(error.suggestions)
    return f"{error.message}; there are: {names}" if names else error.message
