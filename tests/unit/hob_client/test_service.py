"""When a client leaves the start of the daemon to the service manager."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from hob_client import launch, service
from hob_client.errors import DaemonStartFailed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is for Linux")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The door of a service that is installed, with a manager that runs, and a systemctl that fails."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    unit = tmp_path / "systemd" / "user" / "hobd.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    with socket.socket(socket.AF_UNIX) as manager:
        manager.bind(str(tmp_path / "systemd" / "private"))
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    return tmp_path / "hob" / "hob.sock"


def test_installed_service_is_what_is_started(installed: Path) -> None:
    with pytest.raises(DaemonStartFailed, match="hob service logs"):
        launch.start_daemon(str(installed)).wait()


def test_other_doors_are_not_the_services(installed: Path) -> None:
    assert service.serves(str(installed))
    assert not service.serves("/elsewhere/hob.sock")


@pytest.mark.parametrize("missing", ["systemd/user/hobd.service", "systemd/private"])
def test_without_unit_or_manager_a_client_starts_the_daemon_itself(installed: Path, missing: str) -> None:
    (installed.parents[1] / missing).unlink()
    assert not service.serves(str(installed))
