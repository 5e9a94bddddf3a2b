"""What a service manager hands over and is told, with real sockets and a real daemon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hobd.door import service_manager, unix_socket
from hobd.door.service_manager import ServiceManager
from hobd.errors import DoorError

from tests.daemon import RunningDaemon


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The manager's end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


@pytest.fixture
def handed_over(tmp_path: Path) -> Iterator[socket.socket]:
    (tmp_path / "run").mkdir(mode=0o700)
    listening = unix_socket.bind_private(tmp_path / "run" / "hob.sock")
    listening.listen(1)
    yield listening
    listening.close()


def test_manager_hears_when_the_daemon_serves_and_when_it_ends(
    daemon: RunningDaemon, manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manager.getsockname()
    monkeypatch.setattr(
        RunningDaemon, "environment", {**daemon.environment, "NOTIFY_SOCKET": path}, raising=True
    )
    daemon.start()
    assert b"READY=1" in manager.recv(4096)
    daemon.stop()
    assert b"STOPPING=1" in manager.recv(4096)


def test_manager_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    ServiceManager({"NOTIFY_SOCKET": "tcp:localhost:1"}).ready()
    ServiceManager({}).ready()


def test_variables_of_the_manager_are_not_passed_on() -> None:
    environ = {
        "NOTIFY_SOCKET": "/x",
        "LISTEN_PID": "1",
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "a",
        "HOME": "/",
    }
    ServiceManager(environ)
    assert service_manager.take_socket(environ) is None
    assert environ == {"HOME": "/"}


def test_more_than_one_socket_is_refused() -> None:
    with pytest.raises(DoorError, match="takes one socket, not '2'"):
        service_manager.take_socket({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"})


def test_socket_handed_over_is_served_and_left_in_place(tmp_path: Path, handed_over: socket.socket) -> None:
    path = tmp_path / "run" / "hob.sock"
    door = unix_socket.open_door(path, ready=handed_over)
    assert door.socket is handed_over
    door.close()
    assert path.is_socket()


def test_socket_of_another_place_is_refused(tmp_path: Path, handed_over: socket.socket) -> None:
    with pytest.raises(DoorError, match="is not at"):
        unix_socket.open_door(tmp_path / "run" / "other.sock", ready=handed_over)


def test_socket_that_others_could_open_is_refused(tmp_path: Path, handed_over: socket.socket) -> None:
    path = tmp_path / "run" / "hob.sock"
    path.chmod(0o666)
    with pytest.raises(DoorError, match="SocketMode=0600"):
        unix_socket.open_door(path, ready=handed_over)


def test_socket_of_the_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_INET) as listening, pytest.raises(DoorError, match="Unix path"):
        unix_socket.open_door(tmp_path / "run" / "hob.sock", ready=listening)


def test_only_a_socket_is_taken_for_one() -> None:
    """In a process of its own, where descriptor 3 is a file."""
    code = (
        "import os; from hobd.door.service_manager import take_socket;"
        "os.dup2(os.open('/dev/null', os.O_RDONLY), 3);"
        "take_socket({'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'})"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "DoorError: descriptor 3 is no socket" in ended.stderr
