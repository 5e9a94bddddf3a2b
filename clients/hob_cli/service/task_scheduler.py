"""The service as a scheduled task of Windows: which file, which commands, and how it is.

Must be read as untried: its form is tested, its effect on a Windows is not. Called by commands/service.py.
"""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from hob import address
from hob_client import launch

from hob_cli.service.installation import Installation, template
from hob_cli.service.state import ServiceState
from hob_cli.service.steps import Command, MakeFolder, Remove, Step, WriteFile

NAME = "hob\\hobd"
_SPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
_STOP = "from hob_cli.main import main; main(['stop', '--daemon'])"


class TaskScheduler:
    """One user's tasks. It is asked by names and statuses alone: its words depend on the language."""

    name = "the task scheduler"

    def __init__(self, installation: Installation) -> None:
        self._at = installation
        self._log = installation.state / "hobd.log"

    @property
    def unit_path(self) -> Path:
        """What the task was made of; the scheduler keeps its own copy."""
        return self._at.state / "hobd-task.xml"

    def install(self, *, on_demand: bool) -> list[Step]:
        """`on_demand`: not here; the task starts with the session."""
        return [
            MakeFolder(path=self._at.state),
            MakeFolder(path=self._at.models),
            WriteFile(path=self.unit_path, text=self._task()),
            self._schtasks("/Create", "/XML", str(self.unit_path), "/F"),
            self._schtasks("/Run"),
        ]

    def uninstall(self) -> list[Step]:
        return [
            self._stop(may_fail=True),
            self._schtasks("/Delete", "/F", may_fail=True),
            *(Remove(path=path) for path in (self.unit_path, self._at.state)),
        ]

    def control(self, verb: str) -> list[Step]:
        """`stop` asks the daemon itself: the scheduler can only end it where it stands."""
        steps: dict[str, list[Step]] = {
            "start": [self._schtasks("/Run")],
            "stop": [self._stop()],
            "restart": [self._stop(may_fail=True), self._schtasks("/Run")],
        }
        return steps[verb]

    def state(self) -> ServiceState:
        asked = ["schtasks", "/Query", "/TN", NAME]
        known = subprocess.run(asked, capture_output=True, timeout=30).returncode == 0
        is_running = launch.is_listening(str(address.socket_path()))
        return ServiceState(
            manager=self.name,
            unit=NAME,
            is_installed=known,
            is_enabled=known,
            is_running=is_running,
            state="running" if is_running else "not running",
        )

    def logs(self, *, num_lines: int, follow: bool, as_json: bool) -> list[str]:
        quoted = str(self._log).replace("'", "''")
        waits = " -Wait" if follow else ""
        read = f"Get-Content -LiteralPath '{quoted}' -Tail {num_lines}{waits}"
        return ["powershell", "-NoProfile", "-Command", read]

    def _task(self) -> str:
        task = ElementTree.fromstring(template("windows/hobd.xml").partition("?>")[2].encode())
        user = f"{os.environ.get('USERDOMAIN', '')}\\{os.environ.get('USERNAME', '')}".lstrip("\\")
        for place in task.iter(f"{_SPACE}UserId"):
            place.text = user
        action = task.find(f"{_SPACE}Actions/{_SPACE}Exec")
        assert action is not None, "the template has one action"
        # pythonw: no console window appears, and so the log has to be named.
        _put(action, "Command", str(self._at.python.with_name("pythonw.exe")))
        _put(action, "Arguments", subprocess.list2cmdline(["-I", "-m", "hobd", "--log-file", str(self._log)]))
        ElementTree.register_namespace("", _SPACE.strip("{}"))
        return '<?xml version="1.0"?>\n' + ElementTree.tostring(task, encoding="unicode")

    def _stop(self, *, may_fail: bool = False) -> Command:
        return Command(argv=(str(self._at.python), "-I", "-c", _STOP), may_fail=may_fail)

    def _schtasks(self, verb: str, *arguments: str, may_fail: bool = False) -> Command:
        return Command(argv=("schtasks", verb, "/TN", NAME, *arguments), may_fail=may_fail)


def _put(action: ElementTree.Element, name: str, text: str) -> None:
    place = action.find(f"{_SPACE}{name}")
    assert place is not None, f"the template's action has a {name}"
    place.text = text
