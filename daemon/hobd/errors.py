"""The daemon's errors, named for what the caller should do about them.

    HobError
    ├── InvalidRequest       change the request
    │   └── PromptTooLong    shorten it, or name a truncation strategy
    ├── ModelNotFound        pick one of the suggestions
    ├── ModelUnusable        replace the file
    ├── OutOfMemory          ask for less, or later
    ├── Busy                 retry after `retry_after_ms`
    ├── WorkerCrashed        retry
    ├── Draining             the daemon is going
    ├── NotPermitted         this door does not grant it
    ├── NotSupported         this build or model cannot do it
    ├── ConfigError          mend the configuration (start-up only)
    └── DoorError            mend the socket's place, or end the other daemon (start-up only)

Must never hold text of a prompt or an answer. Raised where the fault is known; mapped to gRPC once,
in api/status.py.
"""

from __future__ import annotations


class HobError(Exception):
    """One sentence: what happened, to which model or request, what to do."""

    def __init__(
        self,
        message: str,
        *,
        model: str = "",
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
        self.suggestions = suggestions
        self.needed_tokens = needed_tokens
        self.available_tokens = available_tokens
        self.retry_after_ms = retry_after_ms
        self.door = door  # with `rule`: the door's policy said so, by that rule
        self.rule = rule


class InvalidRequest(HobError):
    pass


class PromptTooLong(InvalidRequest):
    pass


class ModelNotFound(HobError):
    pass


class ModelUnusable(HobError):
    pass


class OutOfMemory(HobError):
    pass


class Busy(HobError):
    pass


class WorkerCrashed(HobError):
    pass


class Draining(HobError):
    pass


class NotPermitted(HobError):
    pass


class NotSupported(HobError):
    pass


class ConfigError(HobError):
    pass


class DoorError(HobError):
    pass
