"""Starting a daemon: what it says on the ready pipe decides. A script stands in for hobd."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hob_client import launch
from hob_client.errors import DaemonStartFailed, DaemonUnreachable

from tests.fakes.daemon import FakeDaemon

SAY_READY = r"os.write(told, b'ready\n')"
OBSERVE = "seen = ' '.join([str(os.getsid(0) == os.getpid()), os.getcwd(), *os.listdir('/proc/self/fd')])"
HEAVY = {"grpc", "google.protobuf", "rich", "prompt_toolkit", "asyncio"}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return str(tmp_path / "hob.sock")


def stand_in(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run this Python instead of hobd; `told` is the ready pipe."""

    def command(path: str, told: int, preload: str | None) -> list[str]:
        return [sys.executable, "-I", "-c", f"import os; told = {told}; {script}"]

    monkeypatch.setattr(launch, "_command", command)


def test_daemon_that_says_ready_is_ready(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, SAY_READY)
    launch.start_daemon(path).wait()


def test_daemon_s_own_sentence_is_the_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, r"os.write(told, b'error the configuration is wrong at line 3\n')")
    with pytest.raises(DaemonStartFailed, match=r"^the configuration is wrong at line 3$"):
        launch.start_daemon(path).wait()


def test_daemon_that_dies_silently_points_to_its_log(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "raise SystemExit('no luck')")
    with pytest.raises(DaemonStartFailed, match=r"hobd\.log"):
        launch.start_daemon(path).wait()
    assert launch.log_path().read_text() == "no luck\n"
    assert stat.S_IMODE(launch.log_path().stat().st_mode) == 0o600


def test_daemon_that_says_nothing_in_time_is_an_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held, holder = os.pipe()  # ends the stand-in when the test does
    stand_in(monkeypatch, f"open('/proc/{os.getpid()}/fd/{held}').read()")
    with pytest.raises(DaemonStartFailed, match="in time"):
        launch.start_daemon(path).wait(0.05)
    os.close(holder)
    os.close(held)


def test_loser_of_a_race_is_content_when_the_winner_answers(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, r"os.write(told, b'error another hobd is already there\n')")
    with FakeDaemon(Path(path)):
        launch.start_daemon(path).wait()


def test_daemon_has_its_own_session_and_none_of_our_files(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inherited, other = os.pipe()
    os.set_inheritable(inherited, True)
    stand_in(monkeypatch, f"{OBSERVE}; open({str(tmp_path / 'seen')!r}, 'w').write(seen); {SAY_READY}")
    launch.start_daemon(path).wait()
    os.close(inherited)
    os.close(other)
    leads, cwd, *files = (tmp_path / "seen").read_text().split()
    assert (leads, cwd) == ("True", "/")
    assert str(inherited) not in files


def test_command_names_socket_pipe_and_model() -> None:
    command = launch._command("/s", 7, "")
    assert command[1:] == ["-I", "-m", "hobd", "--socket", "/s", "--ready-fd", "7", "--load="]
    assert "--load" not in " ".join(launch._command("/s", 7, None))


def test_log_that_cannot_be_written_is_said_in_a_sentence(
    path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(DaemonStartFailed, match="XDG_STATE_HOME"):
        launch.start_daemon(path)


def test_nobody_listens_at_a_stale_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    assert not launch.is_listening(path)
    with pytest.raises(DaemonUnreachable, match="--no-start"):
        launch.ensure(path, start=False)


def test_relative_configuration_is_still_found(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOB_CONFIG", "here.toml")
    assert launch._environment()["HOB_CONFIG"] == os.path.abspath("here.toml")


def test_nothing_heavy_is_imported_before_the_daemon_is_launched() -> None:
    program = "import sys, hob_cli.main, hob_cli.commands.run, hob_cli.commands.chat; print(*sys.modules)"
    imported = subprocess.check_output([sys.executable, "-I", "-c", program], text=True).split()
    assert HEAVY & set(imported) == set()


def test_daemon_whose_queue_is_full_is_there(path: str) -> None:
    """Others came first: that is no reason to start another daemon."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as others:
        listener.bind(path)
        listener.listen(0)
        for _ in range(8):
            other = others.enter_context(socket.socket(socket.AF_UNIX))
            other.setblocking(False)
            if other.connect_ex(path):
                break
        emptying = threading.Timer(0.1, lambda: [listener.accept()[0].close() for _ in range(2)])
        emptying.start()
        assert launch.is_listening(path)
        emptying.join()
