"""A real daemon process for tests, in a home of its own.

Must leave no process and touch nothing outside its directory. Made by fixtures in tests/conftest.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hob_client
import psutil

FAKE = Path(__file__).parent / "fakes" / "daemon_main.py"


class RunningDaemon:
    """`start` it, ask it through `client()`, `stop` it; `log` has all it wrote."""

    def __init__(self, home: Path, *, fake_workers: bool, has_spare: bool = False) -> None:
        """`has_spare`: keeps a spare worker, which tests of other things need not wait for."""
        self.home = home
        self.models = home / "models"
        self.models.mkdir(parents=True)
        self.socket = home / "run" / "hob.sock"
        self.log_path = home / "hobd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.may_trip = False  # whether workers try what they may not
        self.budget_bytes: int | None = None  # memory for models; set it before `start`
        self.has_walls = True  # of the daemon's own; set it before `start`
        self.alarms = Path(os.devnull)  # where it hears that the machine is short of memory
        # One engine thread: two would spin at each other's barriers when anything else wants a core, and a
        # test of seconds would take minutes.
        self._settings = [] if fake_workers else ["--set", "engine.threads=1"]
        self._fake_workers = fake_workers
        if fake_workers:  # their models are scripts, which tests replace
            self._settings += ["--set", "admission.vetting=off", "--set", "admission.first_use=off"]
        if not has_spare:
            self._settings += ["--set", "engine.spare_worker=false"]

    @property
    def environment(self) -> dict[str, str]:
        budget = {} if self.budget_bytes is None else {"HOB_TEST_BUDGET_BYTES": str(self.budget_bytes)}
        return budget | {
            "HOB_TEST_WORKERS": "fake" if self._fake_workers else "real",
            "MEMORY_PRESSURE_WATCH": str(self.alarms),
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HOB_TEST_WALLS": "" if self.has_walls else "none",
            "HOB_SOCKET": str(self.socket),
            "HOB_MODELS_DIR": str(self.models),
        }

    @property
    def _program(self) -> list[str]:
        """What users start, wherever a test does not need something else."""
        is_plain = not self._fake_workers and self.budget_bytes is None
        return ["-I", "-m", "hobd"] if is_plain else [str(FAKE)]

    def add_model(self, name: str, content: str | Path = "ok\n") -> Path:
        """A scripted model for fake workers, or a link to a real one."""
        path = self.models / f"{name}.gguf"
        if isinstance(content, Path):
            os.link(
                content, path
            ) if content.stat().st_dev == self.models.stat().st_dev else path.write_bytes(
                content.read_bytes()
            )
        else:
            path.write_text(content)
        path.chmod(0o444)
        return path

    def start(self, *arguments: str) -> RunningDaemon:
        """Returns when it serves; fails with its log when it does not."""
        ready, told = os.pipe()
        command = [sys.executable, *self._program, *self._settings, "--ready-fd", str(told), *arguments]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(told,),
            )
        os.close(told)
        with os.fdopen(ready) as pipe:
            line = pipe.readline()
        assert line == "ready\n", f"{line!r}\n{self.log}"
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def client(self) -> hob_client.Client:
        return hob_client.Client(self.socket, start=False)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = 20) -> int:
        assert self.process is not None
        return self.process.wait(timeout)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
            self._assert_nothing_tripped()

    def _assert_nothing_tripped(self) -> None:
        """All that workers do in earnest is allowed to them."""
        if not self.may_trip:
            assert [line for line in self.log.splitlines() if "event=tripwire" in line] == []


def await_true(condition: object, what: str, seconds: float = 10) -> None:
    """Polls until a condition of another process holds."""
    deadline = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def has_ended(process: psutil.Process | int) -> bool:
    """Its memory is free, whether or not somebody asked for its exit status yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(process) if isinstance(process, int) else process
        return process.status() == psutil.STATUS_ZOMBIE
    return True
