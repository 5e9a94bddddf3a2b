"""Two machines: the near one with a daemon that permits networks, the far one with models and an sshd.

Must leave no process of either. One pair serves all tests of this folder, which leave it as they found it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from unittest.mock import patch

import pytest
from hob_cli.main import run

from tests.daemon import RunningDaemon
from tests.far import FarMachine

HOB = Path(sys.executable).with_name("hob")


class Near:
    """The machine that people sit at."""

    def __init__(self, home: Path, far: FarMachine) -> None:
        self.far = far
        self.home = home
        self.runtime = home / "rt"
        self.daemon = RunningDaemon(home, fake_workers=True)
        self.daemon.socket = self.runtime / "hob" / "hob.sock"
        self.daemon.socket.parent.mkdir(parents=True, mode=0o700)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.far.bin), os.environ["PATH"]))
        return {
            "PATH": path,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "HOB_CONFIG": str(self.home / "config.toml"),
        }

    def start(self, *, offline: bool = False) -> None:
        self.daemon.start("--set", f"network.offline={str(offline).lower()}")

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([HOB, *arguments], env=self.environment, stdout=pipe, stderr=pipe, text=True)

    def hob(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """In this process, which has the environment: a process for each would be most of a test's time."""
        out, err = io.StringIO(), io.StringIO()
        stdin = io.TextIOWrapper(io.BytesIO())
        with (
            patch.dict(os.environ, more),
            patch("sys.stdin", stdin),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(arguments)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def tunnels(self) -> list[int]:
        """Processes that guard an ssh of this machine's: they work in its runtime directory."""
        found = []
        for home in Path("/proc").iterdir():
            with suppress(OSError):
                words = (home / "cmdline").read_bytes().split(b"\0")
                if words[3:4] == [b"hob-tunnel"] and (home / "cwd").readlink().is_relative_to(self.runtime):
                    found.append(int(home.name))
        return found

    def left_over(self) -> list[Path]:
        """What tunnels left in their folder."""
        return list((self.runtime / "hob" / "tunnels").glob("*"))


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Near, FarMachine, RunningDaemon]]:
    base = tmp_path_factory.mktemp("pair")
    there = RunningDaemon(base / "there", fake_workers=True)
    for name in ("ok", "slow"):
        there.add_model(name, f"{name}\n")
    far = FarMachine(base / "far", there.socket, there.models)
    near = Near(base / "near", far)
    try:
        far.start()
        there.start("--set", "models.default=ok")
        near.start()
        yield near, far, there
    finally:
        far.stop()
        there.stop()
        near.daemon.stop()


@pytest.fixture
def near(pair: tuple[Near, FarMachine, RunningDaemon], monkeypatch: pytest.MonkeyPatch) -> Iterator[Near]:
    """For this process too: what the SDK does here, it does on the near machine."""
    found = pair[0]
    for name, value in found.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("HOB_SOCKET", "HOB_HOST"):
        monkeypatch.delenv(name, raising=False)
    yield found
    assert not found.left_over()


@pytest.fixture
def far(pair: tuple[Near, FarMachine, RunningDaemon]) -> FarMachine:
    return pair[1]


@pytest.fixture
def there(pair: tuple[Near, FarMachine, RunningDaemon]) -> RunningDaemon:
    """The far machine's daemon."""
    return pair[2]
