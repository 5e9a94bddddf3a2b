"""Starts the program that dials out, and reads what it tells.

Must dial nothing itself, and take every event for a stranger's: that program reads what networks send.
Used by pulling.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hob_client.errors import BY_CODE, HobError, InternalError, NotSupported

_MAX_LINE_BYTES = 1 << 18
_MAX_FILES = 32
_MAX_TEXT = 2000
_PART = re.compile(r"[0-9a-f]{32}\.part")
_SHA256 = re.compile(r"[0-9a-f]{64}|")
_KINDS = ("model", "projector", "adapter", "signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    kind: Any  # one of _KINDS
    title: str
    size_bytes: int | None
    sha256: str  # that it must have; empty: nobody says
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    name: str
    source: str
    license: str
    notes: tuple[str, ...]
    files: tuple[PlannedFile, ...]


class Fetching:
    """A context: `events` to its end, `go` after the plan. Leaving it early ends the program."""

    def __init__(self, arguments: list[str]) -> None:
        if any(find_spec(name) is None for name in ("hob_fetch", "httpx", "tenacity")):
            raise NotSupported("what downloads is not installed; install it with `pip install 'hob[fetch]'`")
        # -I: a folder named hob_fetch in the user's working directory must not be run in its stead.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "hob_fetch", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Fetching:
        return self

    def __exit__(self, *_: object) -> None:
        """It is gone when this returns: nobody writes to what it fetched any more."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        """Raises the error that it tells of, and InternalError if it ends without a word."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(_MAX_LINE_BYTES):
            event = _event(line)
            if event["event"] == "error":
                raise _error(event)
            yield event
            if event["event"] in ("done", "short_names"):
                return
        raise InternalError("what downloads ended without a word; run it with HOB_DEBUG=1, and report it")


def arguments(source: str, *, socket: str, into: Path) -> list[str]:
    return ["--socket", socket, "--into", str(into), "--", source]


def read_plan(event: dict[str, Any]) -> Plan:
    """Raises InternalError for what is no plan."""
    files = event.get("files")
    if not isinstance(files, list) or not 0 < len(files) <= _MAX_FILES:
        raise strange("plan")
    plan = Plan(
        name=_text(event, "name"),
        source=_text(event, "source"),
        license=_text(event, "license"),
        notes=tuple(str(note)[:_MAX_TEXT] for note in event.get("notes") or ()),
        files=tuple(_file(each) for each in files),
    )
    if sum(file.kind == "model" for file in plan.files) != 1 or len({f.part for f in plan.files}) != len(
        files
    ):
        raise strange("plan")
    return plan


def number(event: dict[str, Any], name: str) -> int:
    found = event.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 1 << 50:
        raise strange(name)
    return found


def _file(told: Any) -> PlannedFile:
    if not isinstance(told, dict) or told.get("kind") not in _KINDS:
        raise strange("file")
    part, sha256 = _text(told, "part"), _text(told, "sha256")
    if not _PART.fullmatch(part) or not _SHA256.fullmatch(sha256):
        raise strange("file")
    size = None if told.get("size_bytes") is None else number(told, "size_bytes")
    return PlannedFile(
        kind=told["kind"], title=_text(told, "title"), size_bytes=size, sha256=sha256, part=part
    )


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise strange("line") from None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise strange("line")
    return event


def _text(event: dict[str, Any], name: str) -> str:
    found = event.get(name)
    if not isinstance(found, str) or len(found) > _MAX_TEXT:
        raise strange(name)
    return found


def _error(event: dict[str, Any]) -> HobError:
    return BY_CODE.get(_text(event, "code"), InternalError)(_text(event, "message"))


def strange(what: str) -> InternalError:
    """What a program that was taken over might tell."""
    return InternalError(f"what downloads told of a {what} that is none; nothing of it is used")
