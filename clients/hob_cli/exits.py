"""The one table of exit codes.

Must never hold two rows for an error; `hob --help` prints it. Used by main.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from hob_client import errors
from hob_client.errors import HobError


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    code: int
    meaning: str
    errors: tuple[type[HobError], ...] = ()


OK, INTERNAL, USAGE, NOT_PERMITTED, FAILED, INTERRUPTED, READER_GONE = 0, 1, 2, 9, 11, 130, 141

TABLE = (
    Exit(code=OK, meaning="done"),
    Exit(code=INTERNAL, meaning="a bug of ours: please report it", errors=(errors.InternalError,)),
    Exit(code=USAGE, meaning="the command line is wrong"),
    Exit(
        code=3,
        meaning="no daemon answers, or it could not be started",
        errors=(errors.DaemonUnreachable, errors.DaemonStartFailed),
    ),
    Exit(
        code=4,
        meaning="the request is wrong, or the prompt too long: change it",
        errors=(errors.InvalidRequest, errors.PromptTooLong),
    ),
    Exit(code=5, meaning="there is no such model", errors=(errors.ModelNotFound,)),
    Exit(code=6, meaning="the model's file cannot be used", errors=(errors.ModelUnusable,)),
    Exit(
        code=7,
        meaning="out of memory, busy, out of time, or shutting down: try later",
        errors=(errors.OutOfMemory, errors.Busy, errors.Draining, errors.DeadlineExceeded),
    ),
    Exit(code=8, meaning="the model's worker crashed: try again", errors=(errors.WorkerCrashed,)),
    Exit(code=NOT_PERMITTED, meaning="not permitted", errors=(errors.NotPermitted,)),
    Exit(code=10, meaning="not supported by this build or model", errors=(errors.NotSupported,)),
    Exit(code=FAILED, meaning="a check found something wrong"),
    Exit(code=INTERRUPTED, meaning="interrupted or cancelled", errors=(errors.Cancelled,)),
    Exit(code=READER_GONE, meaning="whoever read our output went away"),
)
_CODES = {error: row.code for row in TABLE for error in row.errors}


def exit_code(error: HobError) -> int:
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), INTERNAL)


def help_text() -> str:
    """The table as `hob --help` shows it."""
    return "\n".join(["Exit codes:", *(f"  {row.code:>3}  {row.meaning}" for row in TABLE)])
