"""`hob bug-report` on a machine full of names and secrets, none of which may be in it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.daemon import RunningDaemon

HOB = Path(sys.executable).with_name("hob")
CANARY = "kanari"  # short: it is in the paths of sockets
CONFIG = f"""[models]
default = "{CANARY}-model"
[admission]
trusted_keys = "/etc/{CANARY}.pem"
[doors.{CANARY}]
models = ["{CANARY}-model"]
"""


@pytest.fixture
def daemon(tmp_path: Path) -> RunningDaemon:
    return RunningDaemon(tmp_path / CANARY, fake_workers=True)


def report(daemon: RunningDaemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = daemon.environment | {"HOB_CONFIG": str(daemon.home / "hob.toml")}
    command = [HOB, "bug-report", *arguments]
    return subprocess.run(
        command, env=environment, cwd=daemon.home, capture_output=True, text=True, timeout=90, input=""
    )


def test_report_has_no_name_and_no_word_of_anybodys(daemon: RunningDaemon) -> None:
    config = daemon.home / "hob.toml"
    config.write_text(CONFIG)
    daemon.add_model(f"{CANARY}-model")
    log = daemon.home / ".local" / "state" / "hob" / "hobd.log"
    log.parent.mkdir(parents=True)
    daemon.log_path = log
    daemon.start("--config", str(config))
    try:
        with daemon.client() as client:
            client.ask("", f"a prompt about a {CANARY}", max_tokens=2)
        told = report(daemon, "--yes", "--output", "report.tar.gz")
    finally:
        daemon.stop()
    assert told.returncode == 0, told.stderr
    assert CANARY in log.read_text() and CANARY not in told.stdout
    with tarfile.open(daemon.home / "report.tar.gz") as bundle:
        texts = {member.name: bundle.extractfile(member).read().decode() for member in bundle}  # type: ignore[union-attr]
    assert not [name for name, text in texts.items() if CANARY in text or CANARY in name]
    assert '"model": "model-1"' in texts["hob-bug-report/status.json"]
    assert '"event": "model_loaded"' in texts["hob-bug-report/log.json"]
    assert json.loads(texts["hob-bug-report/config.json"])["doors"] == 1
    assert stat.S_IMODE((daemon.home / "report.tar.gz").stat().st_mode) == 0o600


def test_report_without_a_daemon_starts_none_and_dry_run_writes_nothing(daemon: RunningDaemon) -> None:
    told = report(daemon, "--dry-run", "--json")
    assert set(json.loads(told.stdout)) >= {"versions.json", "machine.json", "doctor.json", "log.json"}
    assert not daemon.socket.exists() and not list(daemon.home.glob("*.tar.gz"))


def test_report_is_not_written_unless_somebody_agrees(daemon: RunningDaemon) -> None:
    told = report(daemon)
    assert told.returncode == 4 and "--yes" in told.stderr
    assert '"client"' in told.stdout and not list(daemon.home.glob("*.tar.gz"))


def test_report_overwrites_nothing(daemon: RunningDaemon) -> None:
    (daemon.home / "mine").write_text("mine")
    assert report(daemon, "--yes", "-o", "mine").returncode == 4
    assert (daemon.home / "mine").read_text() == "mine"
