"""The service under systemd's manager for a user: which files, which commands, and how it is.

Must put the packaged unit in place unchanged: what was reviewed is what runs. What is particular to this
installation goes into a drop-in. Called by commands/service.py.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hob_cli.service.installation import Installation, template
from hob_cli.service.state import ServiceState
from hob_cli.service.steps import Command, MakeFolder, Remove, Step, WriteFile

UNIT = "hobd.service"
SOCKET = "hobd.socket"
_SYSTEMCTL = ("systemctl", "--user")
_HIDDEN = (Path("/tmp"), Path("/var/tmp"))  # what the unit has file systems of its own for
_HAS_BACKOFF = 254
_PROPERTIES = ("ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts", "MemoryCurrent", "Result")


class Systemd:
    """One user's manager."""

    name = "systemd"

    def __init__(self, installation: Installation, *, version: int) -> None:
        """`version`: systemd's; each knows some directives more."""
        self._at = installation
        self._version = version
        self._folder = installation.config_home / "systemd" / "user"
        self._drop_ins = self._folder / f"{UNIT}.d"

    @property
    def unit_path(self) -> Path:
        return self._folder / UNIT

    def has_manager(self) -> bool:
        """Whether one runs: it does while its user is logged in, or lingers."""
        return (self._at.runtime.parent / "systemd" / "private").exists()

    def install(self, *, on_demand: bool) -> list[Step]:
        """Also brings an installation up to date: what is there is replaced, and hobd started anew."""
        wanted, other = (SOCKET, UNIT) if on_demand else (UNIT, SOCKET)
        steps: list[Step] = [MakeFolder(path=self._at.state), MakeFolder(path=self._at.models)]
        steps += [WriteFile(path=path, text=text) for path, text in self._files()]
        steps += [_systemctl("daemon-reload"), _systemctl("disable", "--now", other, may_fail=True)]
        if on_demand:  # the socket cannot be opened while hobd has one there
            steps.append(_systemctl("stop", UNIT, may_fail=True))
        return [*steps, _systemctl("enable", wanted), _systemctl("restart", wanted)]

    def uninstall(self) -> list[Step]:
        """Nothing of the service stays, nor of what hobd remembered; models and configuration do."""
        return [
            _systemctl("disable", "--now", SOCKET, UNIT, may_fail=True),
            Remove(path=self.unit_path),
            Remove(path=self._folder / SOCKET),
            Remove(path=self._drop_ins),
            _systemctl("daemon-reload", may_fail=True),
            _systemctl("reset-failed", UNIT, may_fail=True),
            Remove(path=self._at.runtime),
            Remove(path=self._at.state),
        ]

    def control(self, verb: str) -> list[Step]:
        """start, stop or restart. A stop stops what would start it again at the next knock, too."""
        units = (SOCKET, UNIT) if verb == "stop" and (self._folder / SOCKET).exists() else (UNIT,)
        return [_systemctl(verb, *units)]

    def state(self) -> ServiceState:
        told = _ask([*_SYSTEMCTL, "show", UNIT, f"--property={','.join(_PROPERTIES)}"])
        said = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        is_on_demand = _ask([*_SYSTEMCTL, "is-enabled", SOCKET]).strip() == "enabled"
        return ServiceState(
            manager=self.name,
            unit=str(self.unit_path),
            is_installed=self.unit_path.exists(),
            is_enabled=is_on_demand or said.get("UnitFileState") == "enabled",
            is_on_demand=is_on_demand,
            is_running=said.get("ActiveState") == "active",
            state=f"{said.get('ActiveState', 'unknown')} ({said.get('SubState', 'unknown')})",
            result=said.get("Result", ""),
            pid=_number(said.get("MainPID")) or None,
            num_restarts=_number(said.get("NRestarts")) or 0,
            memory_bytes=_number(said.get("MemoryCurrent")),
            is_lingering=_lingers(),
        )

    def logs(self, *, num_lines: int, follow: bool, as_json: bool) -> list[str]:
        """The command that prints them."""
        command = ["journalctl", f"--user-unit={UNIT}", f"--lines={num_lines}", "--no-pager"]
        return [*command, "--output=json" if as_json else "--output=cat", *(["--follow"] if follow else [])]

    def _files(self) -> Iterator[tuple[Path, str]]:
        yield self.unit_path, template("systemd/hobd.service")
        yield self._folder / SOCKET, template("systemd/hobd.socket")
        yield self._drop_ins / "10-installation.conf", drop_in(self._at)
        if self._at.has_gpu:
            yield self._drop_ins / "20-gpu.conf", template("systemd/gpu.conf")
        if self._version >= _HAS_BACKOFF:
            yield self._drop_ins / "30-backoff.conf", template("systemd/backoff.conf")


def installed_version() -> int | None:
    """systemd's; None where there is none."""
    if shutil.which("systemctl") is None:
        return None
    found = re.match(r"systemd (\d+)", _ask(["systemctl", "--version"]))
    return int(found[1]) if found else None


def drop_in(at: Installation) -> str:
    """What the unit cannot know: where Python is, and where the user's things are."""
    command = f"{quote(str(at.python), in_command=True)} -I -m hobd --socket %t/hob/hob.sock"
    lines = [
        "# Written by `hob service install`: where this installation and its user's files are.",
        "[Service]",
        "ExecStart=",
        f"ExecStart={command}",
        *(f"Environment={quote(f'{name}={value}')}" for name, value in sorted(at.places.items())),
        f"ReadWritePaths={quote(str(at.state))}",
    ]
    lines += [f"BindReadOnlyPaths={quote(str(folder))}" for folder in at.folders if _is_hidden(folder)]
    return "\n".join(lines) + "\n"


def quote(text: str, *, in_command: bool = False) -> str:
    """As systemd reads it back: % and $ mean something to it, and quotes keep spaces together."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{text.replace("$", "$$") if in_command else text}"'


def _is_hidden(folder: Path) -> bool:
    return any(folder.is_relative_to(place) for place in _HIDDEN)


def _systemctl(*arguments: str, may_fail: bool = False) -> Command:
    return Command(argv=(*_SYSTEMCTL, *arguments), may_fail=may_fail)


def _lingers() -> bool | None:
    """Whether the service runs while its user is not logged in; None where nobody knows."""
    said = _ask(["loginctl", "show-user", "--property=Linger", "--value"]).strip()
    return {"yes": True, "no": False}.get(said)


def _number(text: str | None) -> int | None:
    """systemd writes "[not set]", or the largest number there is, for what it does not know."""
    return int(text) if text and text.isdecimal() and int(text) < 2**63 else None


def _ask(argv: list[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
