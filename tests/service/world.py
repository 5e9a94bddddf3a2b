"""A real systemd manager for a user, in namespaces of its own, and commands run beside it.

Must leave no process, mount or cgroup behind. Made by the fixtures in conftest.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("world.sh")
PROBE = Path(__file__).with_name("probe.py")
HOB = Path(sys.executable).with_name("hob")
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "--net")
_PROGRAMS = ("unshare", "nsenter", "setpriv", "ip", "systemctl", "journalctl", "findmnt")


def obstacle() -> str | None:
    """Why there can be no such world here."""
    if sys.platform != "linux":
        return "systemd is for Linux"
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        return f"there is no {', '.join(missing)}"
    if not os.path.exists("/lib/systemd/systemd") or os.geteuid() != 0:
        return "it takes systemd and root, to make namespaces and a cgroup"
    if _cgroups() is None:
        return "no cgroup2 hierarchy is mounted"
    tried = subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "none", "/home"], capture_output=True, text=True
    )
    return f"no namespaces can be made: {tried.stderr.strip()}" if tried.returncode else None


class World:
    """`home` and `runtime` are inside; `file` says where the outside finds what is inside."""

    home = Path("/home/tester")
    runtime = Path("/run/user/0")

    def __init__(self) -> None:
        root = _cgroups()
        assert root is not None
        self._cgroup = root / f"hob-test-{os.getpid()}"
        self._cgroup.mkdir()
        places = {"CGROUP": self._cgroup.name, "HOME": str(self.home), "RUNTIME": str(self.runtime)}
        self._process = subprocess.Popen(
            [*UNSHARE, "--propagation", "private", "bash", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], **places},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._inside = children[0]

    def file(self, path: Path) -> Path:
        return Path(f"/proc/{self._inside}/root{path}")

    def run(self, *command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """As the user, beside the manager. Nothing of our own environment comes along."""
        enter = ("nsenter", "-t", self._inside, "--mount", "--pid", "--net", "--uts", "--wd=/")
        user = ("setpriv", "--reset-env", "--inh-caps=-all", "--bounding-set=-all,+setfcap", "env")
        places = (f"HOME={self.home}", f"XDG_RUNTIME_DIR={self.runtime}", "GRPC_ENABLE_FORK_SUPPORT=0")
        argv = [*enter, *user, *places, *map(str, command)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}\n{self.journal()}"
        return done

    def hob(self, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(HOB, *arguments, check=check)

    def state(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.hob("service", "status", "--json", check=False).stdout)
        return told

    def property_of_unit(self, name: str) -> str:
        return self.run(
            "systemctl", "--user", "show", "hobd.service", f"--property={name}", "--value"
        ).stdout.strip()

    def journal(self) -> str:
        """All that anybody logged, for who wants to know why a test failed."""
        argv = ("nsenter", "-t", self._inside, "--mount", "journalctl", "-D", "/run/log/journal", "-n", "40")
        return subprocess.run([*argv, "--no-pager"], capture_output=True, text=True).stdout

    def add_model(self, model: Path, name: str) -> None:
        folder = self.file(self.home / ".local/share/hob/models")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, folder / f"{name}.gguf")

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
        _remove_cgroups(self._cgroup)


def _cgroups() -> Path | None:
    found = subprocess.run(["findmnt", "-rno", "TARGET", "-t", "cgroup2"], capture_output=True, text=True)
    return Path(found.stdout.splitlines()[0]) if found.stdout.strip() else None


def _remove_cgroups(top: Path) -> None:
    """The kernel keeps a cgroup for a moment after its last process."""
    deadline = time.monotonic() + 20
    while top.exists():
        try:
            for folder, _, _ in os.walk(top, topdown=False):
                os.rmdir(folder)
        except OSError:
            assert time.monotonic() < deadline, f"{top} is still in use"
            time.sleep(0.05)
