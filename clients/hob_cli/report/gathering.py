"""What a report holds: each file of it by name, as JSON.

Must ask only what is already there (no daemon is started), and pass on nothing that washing.py has not let
through. Called by commands/bug_report.py.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hob import address
from hob.version import VERSION
from hob_client import launch
from hob_client.errors import HobError

from hob_cli.doctor.evidence import Evidence
from hob_cli.doctor.findings import judge
from hob_cli.report import washing
from hob_cli.report.washing import Names

if TYPE_CHECKING:
    from hob_client.client import Client

_LOG_BYTES = 1 << 19
_JOURNAL_SECONDS = 20
_DOOR = "door_private_"
Report = dict[str, Any]

README = """This is what a report of a fault in hob needs, gathered by `hob bug-report`.

It holds no text of a prompt or an answer, and none that you wrote: no path, no name of a user, a machine or a
model, no text from your configuration but words that hob itself defines. Models and doors are numbered.
Read the other files before you send it; they are all there is.
"""


def gather(seen: Evidence, client: Client | None) -> Report:
    """By file name. `client`: of the daemon that runs, if one does."""
    names = Names()
    report: Report = {
        "versions.json": _versions(),
        "machine.json": _machine(seen),
        "doctor.json": [{"name": found.name, "is_wrong": found.is_wrong} for found in judge(seen)],
        "config.json": _config(),
    }
    if client is not None:
        report |= _of_daemon(client, names)
    report["log.json"] = washing.log(_log_lines(seen), names)
    return report


def _versions() -> Report:
    found = platform.uname()
    return {
        "client": VERSION,
        "python": platform.python_version(),
        "system": found.system,
        "kernel": ".".join(found.release.split(".")[:2]),
        "processor": found.machine,
    }


def _machine(seen: Evidence) -> Report:
    told = washing.numbers(asdict(seen))
    return {
        **told,
        "cpu_flags": " ".join(washing.flags(seen.cpu_flags)),
        "num_gpu_files": len(seen.gpu_files),
    }


def _config() -> Report:
    try:
        tables = tomllib.loads(address.config_path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return {"problem": type(error).__name__}
    return washing.config(tables)


def _of_daemon(client: Client, names: Names) -> Report:
    """Each part for itself: a daemon in trouble may fail at one of them."""
    parts: dict[str, Callable[[], Any]] = {
        "status.json": lambda: _status(client, names),
        "attest.json": lambda: _attest(client, names),
        "privacy.json": lambda: [_privacy(asdict(place)) for place in client.privacy().places],
        "wires.json": lambda: [{"name": each.name, "state": each.state} for each in client.wires().wires],
    }
    return {file: _try(part) for file, part in parts.items()}


def _try(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except HobError as error:
        return {"problem": error.code}


def _status(client: Client, names: Names) -> Report:
    found = client.status()
    told = washing.numbers(asdict(found), "version", "engine_build", "tripwire")
    told["confinement"] = found.confinement.partition(" ")[0]
    told["doors"] = [{"mode": door.mode, "num_connections": door.num_connections} for door in found.doors]
    told["memory"] = [washing.numbers(asdict(memory)) for memory in found.memory]
    told["residents"] = [
        {"model": names.of("model", each.model), **washing.numbers(asdict(each))} for each in found.residents
    ]
    told["trips"] = [
        {"model": names.of("model", each.model), **washing.numbers(asdict(each), "call")}
        for each in found.trips
    ]
    return told


def _attest(client: Client, names: Names) -> Report:
    """Which property held of which kind of process; what was observed may quote a path."""
    told = client.attest()
    evidence = [
        {
            "property": _property(each.property, names),
            "subject": each.subject.partition(" ")[0],
            "held": each.held,
        }
        for each in told.evidence
    ]
    return {"all_held": told.all_held, "evidence": evidence}


def _property(name: str, names: Names) -> str:
    """Those of doors have the door's name in theirs."""
    return f"{_DOOR}{names.of('door', name)}" if name.startswith(_DOOR) else name


def _privacy(place: Report) -> Report:
    return washing.numbers(place, "data")


def _log_lines(seen: Evidence) -> Iterable[str]:
    """Of the daemons that clients started, and of the service."""
    try:
        with launch.log_path().open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
            lines = file.read(_LOG_BYTES).decode(errors="replace").splitlines()
    except OSError:
        lines = []
    return lines + (_journal() if seen.has_service and sys.platform == "linux" else [])


def _journal() -> list[str]:
    if shutil.which("journalctl") is None:
        return []
    command = ["journalctl", "--user", "--unit", "hobd", "--output", "cat", "--lines", "2000"]
    try:
        told = subprocess.run(
            command, capture_output=True, timeout=_JOURNAL_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return told.stdout[-_LOG_BYTES:].decode(errors="replace").splitlines()
