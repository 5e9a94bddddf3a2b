"""What the daemon says while it runs: one line an event, `key=value`, to stderr.

Must never write text of a prompt or an answer, nor a traceback: of an exception it tells type and place only.
Called by everything in the daemon.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from pathlib import PurePath
from types import TracebackType
from typing import Any, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]
Field = str | int | float | bool | PurePath | None

_LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_OURS = logging.getLogger("hobd")
# They log frames, headers and payloads at lower levels; the cap holds whatever level is configured.
_FOREIGN = ("asyncio", "grpclib", "h2", "hpack")
_MAX_VALUE_CHARACTERS = 1000


def configure(level: Level, stream: TextIO | None = None) -> None:
    """Sends all logging to `stream` (stderr), ours from `level` up. May be called again to change either."""
    handler = _Lines(stream or sys.stderr)
    handler.setFormatter(_OneLine())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    _OURS.setLevel(_LEVELS[level])


def catch_tracebacks() -> None:
    """From now on an exception that nobody caught is an event, where Python would print a traceback."""
    sys.excepthook = lambda kind, error, trace: _on_uncaught("main", error, trace)
    threading.excepthook = lambda args: _on_uncaught("thread", args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _on_uncaught("unraisable", args.exc_value, args.exc_traceback)


def event(name: str, /, *, level: Level = "info", **fields: Field) -> None:
    """One line. `name` is stable, lower_snake; no field may hold what somebody said to a model."""
    number = _LEVELS[level]
    if _OURS.isEnabledFor(number):
        _OURS.log(number, name, extra={"fields": fields})


def describe(error: BaseException) -> str:
    """The type of an exception and the line that raised it. Not its message, which may quote anything."""
    return _describe(error, error.__traceback__)


def _on_uncaught(where: str, error: BaseException | None, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    event("uncaught", level="error", where=where, error=_describe(error, trace))


def _describe(error: BaseException | None, trace: TracebackType | None) -> str:
    if isinstance(error, BaseExceptionGroup):  # where it was gathered says nothing
        return ", ".join(_describe(each, each.__traceback__) for each in error.exceptions)
    kind = type(error).__name__
    frames = list(traceback.walk_tb(trace))
    if not frames:
        return kind
    frame, line = frames[-1]
    return f"{kind} at {_place(frame.f_code.co_filename, line)}"


def _place(file: str, line: int) -> str:
    """The last parts of the path: enough to find it, and no name of a home directory."""
    return f"{'/'.join(file.split(os.sep)[-2:])}:{line}"


class _Lines(logging.StreamHandler[TextIO]):
    """A log that cannot be written to is no reason to end, nor to print the record somewhere else."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


class _OneLine(logging.Formatter):
    """Our events with their fields; other libraries' records by place only, since their text may quote."""

    def format(self, record: logging.LogRecord) -> str:
        fields = self._of_event(record) if record.name == _OURS.name else self._of_foreign(record)
        if record.exc_info and record.exc_info[1]:
            fields["error"] = describe(record.exc_info[1])
        stamp = {"time": _timestamp(record.created), "level": record.levelname.lower()}
        return " ".join(f"{key}={_value(value)}" for key, value in (stamp | fields).items())

    def _of_event(self, record: logging.LogRecord) -> dict[str, Any]:
        return {"event": record.msg, **getattr(record, "fields", {})}

    def _of_foreign(self, record: logging.LogRecord) -> dict[str, Any]:
        place = _place(record.pathname, record.lineno)
        return {"event": "foreign_log", "logger": record.name, "at": place}


def _timestamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"


def _value(value: object) -> str:
    """On one line and in one piece: quoted if it has anything but plain printable characters."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    if len(text) > _MAX_VALUE_CHARACTERS:
        text = f"{text[:_MAX_VALUE_CHARACTERS]}..."
    if text and text.isascii() and text.isprintable() and not set(text) & set(' "=\\'):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Python's escapes between double quotes: no newline and no control sequence reaches a terminal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = (
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in escaped
    )
    return f'"{"".join(shown)}"'
