"""Turns a worker's refusal, of a request or of its load, into an error of ours.

Must believe no class but those a worker may name: anything else is a breach of the contract. Called by
resident.py.
"""

from __future__ import annotations

from hobd import errors
from hobd.wire import messages as m
from hobd.wire.framing import WireError

_KINDS: dict[str, type[errors.HobError]] = {
    cls.__name__: cls
    for cls in (
        errors.InvalidRequest,
        errors.PromptTooLong,
        errors.ModelUnusable,
        errors.NotSupported,
        errors.OutOfMemory,
        errors.WorkerCrashed,  # its renderer was killed; the worker itself lives
    )
}


def refusal(message: m.Refused, model: str) -> errors.HobError:
    """The error for the caller. Raises WireError when the worker names none that it may."""
    kind = _KINDS.get(message.error)
    if kind is None:
        raise WireError(f"a refusal with the unknown error {message.error[:40]!r}")
    return kind(
        message.message,
        model=model,
        needed_tokens=message.needed_tokens,
        available_tokens=message.available_tokens,
    )


def load_failure(message: m.LoadFailed, model: str) -> errors.HobError:
    if message.kind == "memory":
        return errors.OutOfMemory(f"{model} does not fit into memory: {message.reason}", model=model)
    return errors.ModelUnusable(f"{model} cannot be used: {message.reason}", model=model)
