"""Which words may leave the machine: hob's own. Everything else is a number, or is left out.

Must do no I/O, and let no text through because it looks harmless: only what is listed here passes.
Called by gathering.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

HIDDEN = "(hidden)"
_MOST_LINES = 400

#: Every key of the configuration. Text is shown for those that name the words it may be.
CONFIG: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "daemon": {
        "drain_timeout_seconds": (),
        "log_level": ("debug", "info", "warning", "error"),
        "max_sessions": (),
        "idle_exit_seconds": (),
    },
    "models": {
        "dir": (),
        "default": (),
        "max_resident": (),
        "idle_ttl_seconds": (),
        "room_wait_seconds": (),
        "verify": ("cached", "always", "off"),
    },
    "engine": {
        "threads": (),
        "context_tokens": (),
        "lanes": (),
        "batch_tokens": (),
        "kv_cells": (),
        "kv_type": ("f16", "q8_0"),
        "gpu_layers": (),
        "speculation": ("auto", "off"),
        "stash_mb": (),
        "spare_worker": (),
        "load_timeout_seconds": (),
        "step_timeout_seconds": (),
    },
    "memory": {
        "ram_mb": (),
        "ram_percent": (),
        "gpu_mb": (),
        "gpu_percent": (),
        "when_short": ("shrink", "refuse"),
        "pool_mb": (),
    },
    "security": {
        "sandbox": ("enforce", "no-file-wall", "none"),
        "tripwire": ("record", "stop", "quarantine"),
    },
    "network": {"offline": (), "update_check": ()},
    "admission": {
        "vetting": ("enforce", "warn", "off"),
        "first_use": ("pin", "off"),
        "max_load_crashes": (),
        "signatures": ("off", "warn", "enforce"),
        "signatures_in": (),
        "trusted_keys": (),
    },
    "limits": {"max_prompt_bytes": (), "max_tokens_default": ()},
    "audit": {"enabled": (), "max_file_mb": (), "num_files": ()},
}

#: What hobd's log may call an event. A line with another is left out.
EVENTS = frozenset(
    "audit_not_written config_refused config_reloaded connected connection_refused door_failed draft "
    "draining ended foreign_log idle load_failed memory_overdrawn memory_pressure model_evicted "
    "model_left model_loaded no_tray not_kept probe_failed projector quarantined request_given_up "
    "rpc_failed sealing serving shrunk signature spare_died state_refused tripwire tuned uncaught vetting "
    "worker_died worker_hung".split()
)
_LEVELS = frozenset(("debug", "info", "warning", "error"))
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_ERROR = re.compile(r"([A-Z][A-Za-z]{2,39}(?:Error|Exception|Died|Refused|Warning)) at \S*?(\d{1,6})")
_FLAG = re.compile(r"[a-z0-9_]{1,24}")


class Names:
    """Calls each model, door or user by a number, the same one throughout a report."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        number = 1 + sum(known == kind for known, _ in self._known)
        return self._known.setdefault((kind, name), f"{kind}-{number}")


def config(tables: Mapping[str, Any]) -> dict[str, Any]:
    """What a configuration sets. Names that hobd does not know are counted, not told."""
    told: dict[str, Any] = {}
    num_unknown = 0
    for section, table in tables.items():
        if section == "doors" and isinstance(table, dict):
            told["doors"] = len(table)
        elif section not in CONFIG or not isinstance(table, dict):
            num_unknown += 1
        else:
            known = {
                key: _setting(CONFIG[section][key], table[key]) for key in CONFIG[section] if key in table
            }
            num_unknown += len(table) - len(known)
            told[section] = known
    return {**told, "num_unknown_names": num_unknown}


def log(lines: Iterable[str], names: Names) -> list[dict[str, Any]]:
    """The last events that are hob's own, with their numbers."""
    events = [event for line in lines if (event := _event(line, names)) is not None]
    return events[-_MOST_LINES:]


def flags(found: Iterable[str]) -> list[str]:
    """Of a processor, as the kernel lists them."""
    return sorted(flag for flag in found if _FLAG.fullmatch(flag))


def numbers(record: Mapping[str, Any], *also: str) -> dict[str, Any]:
    """The numbers and truths of a record, and what is named in `also`, which must be words of hob's own."""
    return {
        key: value
        for key, value in record.items()
        if isinstance(value, bool | int | float) or value is None or key in also
    }


def _setting(words: tuple[str, ...], value: object) -> object:
    if isinstance(value, bool | int | float) or value in ("", *words):
        return value
    return HIDDEN


def _event(line: str, names: Names) -> dict[str, Any] | None:
    try:
        fields = dict(word.partition("=")[::2] for word in shlex.split(line))
    except ValueError:
        return None
    if fields.get("event") not in EVENTS or fields.get("level") not in _LEVELS:
        return None
    if not _TIME.fullmatch(fields.get("time", "")):
        return None
    told: dict[str, Any] = {key: fields[key] for key in ("time", "level", "event")}
    for key in _LOG_NUMBERS & fields.keys():
        if _NUMBER.fullmatch(fields[key]):
            told[key] = float(fields[key]) if "." in fields[key] else int(fields[key])
    if fields.get("model"):
        told["model"] = names.of("model", fields["model"])
    if found := _ERROR.fullmatch(fields.get("error", "")):
        told["error"] = f"{found[1]} at line {found[2]}"
    return told


_LOG_NUMBERS = frozenset(
    "batch_tokens bytes count degraded ms num_bytes num_deaths num_sessions num_users pid seconds status "
    "threads".split()
)
