"""A daemon on Windows' Python, as far as Wine goes, and the CLI beside it.

Must skip aloud where Wine is not provided, and in runs that did not ask for it: it takes a minute. Used by
the tests beside it; `make windows` provides Wine and runs them.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from provision import windows

from tests.daemon import await_true

HERE = Path(__file__).parent
CLI = "import sys; from hob_cli.main import main; sys.exit(main())"
SETTINGS = ("admission.vetting=off", "admission.first_use=off", "engine.spare_worker=false")
TIMEOUT_SECONDS = 110


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = ""
    if "windows" not in str(config.getoption("-m")):
        reason = "Windows under Wine takes a minute; `make windows` runs it"
    elif windows.find() is None:
        reason = "there is no Wine here; `make windows` provides it"
    for item in items:
        if HERE in item.path.parents and reason:
            item.add_marker(pytest.mark.skip(reason=reason))


class WindowsHob:
    """`start` a daemon, ask it by `hob`; all it keeps lies in `home`."""

    def __init__(self, home: Path) -> None:
        wine = windows.find()
        assert wine is not None
        self.python = wine.python
        self.home = home
        self.models = home / "models"
        self.models.mkdir(parents=True)
        self.log_path = home / "hobd.log"
        self.pipe = f"\\\\.\\pipe\\hob-test-{uuid.uuid4().hex}"
        self.daemon: subprocess.Popen[bytes] | None = None
        homes = {f"XDG_{kind}_HOME": as_windows(home / kind) for kind in ("CONFIG", "DATA", "STATE")}
        self.environment: Mapping[str, str] = {
            **wine.environment,
            **homes,
            "HOB_SOCKET": self.pipe,
            "HOB_MODELS_DIR": as_windows(self.models),
        }

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def add_model(self, name: str, says: str) -> None:
        path = self.models / f"{name}.gguf"
        path.write_text(f"{says}\n")
        path.chmod(0o444)

    def begin(self, *settings: str) -> subprocess.Popen[bytes]:
        """A daemon on its way; its words go to the log."""
        words = [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
        # Through cat: Wine gives no standard streams that are files.
        command = [*self.python, str(HERE / "daemon_main.py"), *words]
        piped = subprocess.Popen(
            ["sh", "-c", '"$@" 2>&1 | cat >> "$0"', str(self.log_path), *command],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        return piped

    def start(self, *settings: str) -> WindowsHob:
        self.daemon = daemon = self.begin(*settings)
        await_true(lambda: self.serves or daemon.poll() is not None, "it serves or ends", 100)
        assert self.serves, self.log
        return self

    @property
    def serves(self) -> bool:
        return self.log_path.exists() and "event=serving" in self.log

    def hob(self, *arguments: str, expect: int = 0) -> str:
        """What the CLI said, on both streams."""
        status, said = self._ask("-c", CLI, *arguments)
        assert status == expect, said
        return said

    def hob_json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.hob(*arguments, "--json", expect=expect))

    def run(self, code: str) -> str:
        """What Windows' Python prints."""
        return self._ask("-c", code)[1]

    def _ask(self, *arguments: str) -> tuple[int, str]:
        """Status and words of one that says little. In Wine a daemon that it starts keeps its pipe open."""
        with subprocess.Popen(
            [*self.python, *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as asked:  # fmt: skip
            assert asked.stdout is not None
            try:
                asked.wait(TIMEOUT_SECONDS)
            finally:
                asked.kill()  # of no effect on one that has ended
            os.set_blocking(asked.stdout.fileno(), False)
            said = asked.stdout.read() or b""
        return asked.returncode, said.decode("utf-8", "replace").replace("\r\n", "\n").strip()

    def stop(self) -> None:
        if self.daemon is None:
            return
        try:
            if self.daemon.poll() is None and "event=ended" not in self.log:
                self.hob("stop", "--daemon")
            self.daemon.wait(60)
        finally:
            self.daemon.kill()  # of no effect on one that has ended
            self.daemon.wait()


def as_windows(path: Path) -> str:
    return "Z:" + os.fspath(path).replace("/", "\\")


@pytest.fixture(scope="module")
def hob(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsHob]:
    """One that serves, without walls: Wine keeps none."""
    running = WindowsHob(tmp_path_factory.mktemp("windows"))
    running.add_model("fake", "hello from the file")
    running.start("security.sandbox=none")
    yield running
    running.stop()
