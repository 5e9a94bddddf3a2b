"""The service as a LaunchAgent: which file, which commands, and how it is.

Must be read as untried: its form is tested, its effect on a macOS is not. Called by commands/service.py.
"""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
from pathlib import Path

from hob import address

from hob_cli.service.installation import Installation, template
from hob_cli.service.state import ServiceState
from hob_cli.service.steps import Command, MakeFolder, Remove, Step, WriteFile

LABEL = "hob.hobd"


class Launchd:
    """One user's session."""

    name = "launchd"

    def __init__(self, installation: Installation) -> None:
        self._at = installation
        self._domain = f"gui/{os.getuid()}"
        self._log = installation.state / "hobd.log"

    @property
    def unit_path(self) -> Path:
        return self._at.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def install(self, *, on_demand: bool) -> list[Step]:
        """`on_demand`: not here; the agent starts with the session."""
        return [
            MakeFolder(path=self._at.state),
            MakeFolder(path=self._at.models),
            WriteFile(path=self.unit_path, text=self._plist()),
            self._launchctl("bootout", f"{self._domain}/{LABEL}", may_fail=True),
            self._launchctl("bootstrap", self._domain, str(self.unit_path)),
        ]

    def uninstall(self) -> list[Step]:
        return [
            self._launchctl("bootout", f"{self._domain}/{LABEL}", may_fail=True),
            *(Remove(path=path) for path in (self.unit_path, self._at.runtime, self._at.state)),
        ]

    def control(self, verb: str) -> list[Step]:
        """`stop` takes the agent out of the session: launchd has no other way to keep it out."""
        start: list[Step] = [
            self._launchctl("bootstrap", self._domain, str(self.unit_path), may_fail=True),
            self._launchctl("kickstart", f"{self._domain}/{LABEL}"),
        ]
        stop = self._launchctl("bootout", f"{self._domain}/{LABEL}")
        restart = self._launchctl("kickstart", "-k", f"{self._domain}/{LABEL}")
        steps: dict[str, list[Step]] = {"start": start, "stop": [stop], "restart": [restart]}
        return steps[verb]

    def state(self) -> ServiceState:
        asked = ["launchctl", "print", f"{self._domain}/{LABEL}"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=30)
        found = dict(re.findall(r"^\s*(state|pid|runs|last exit code) = (.+)$", told.stdout, re.MULTILINE))
        state = found.get("state", "not loaded")
        return ServiceState(
            manager=self.name,
            unit=str(self.unit_path),
            is_installed=self.unit_path.exists(),
            is_enabled=self.unit_path.exists(),
            is_running=state == "running",
            state=state,
            result=found.get("last exit code", ""),
            pid=int(found["pid"]) if found.get("pid", "").isdecimal() else None,
            num_restarts=max(0, int(found["runs"]) - 1) if found.get("runs", "").isdecimal() else 0,
        )

    def logs(self, *, num_lines: int, follow: bool, as_json: bool) -> list[str]:
        return ["tail", f"-n{num_lines}", *(["-f"] if follow else []), str(self._log)]

    def _plist(self) -> str:
        agent = plistlib.loads(template(f"launchd/{LABEL}.plist").encode())
        agent["ProgramArguments"] = [str(self._at.python), "-I", "-m", "hobd"]
        agent["ProgramArguments"] += ["--socket", str(self._at.runtime / address.SOCKET_NAME)]
        agent["StandardErrorPath"] = str(self._log)
        if self._at.places:
            agent["EnvironmentVariables"] = dict(self._at.places)
        return plistlib.dumps(agent).decode()

    def _launchctl(self, *arguments: str, may_fail: bool = False) -> Command:
        return Command(argv=("launchctl", *arguments), may_fail=may_fail)
