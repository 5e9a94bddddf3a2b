"""Doors on a real file system.

Must stay below tmp_path.
Run by pytest.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hob.address import MAX_SOCKET_PATH_BYTES
from hobd.door.peer import peer_of
from hobd.door.unix_socket import Access, Door, bind_private, open_door
from hobd.errors import DoorError

# A daemon as far as the door sees it: opens it, says so, and holds it until its input ends.
HOLDER = """
import sys; from pathlib import Path; from hobd.door.unix_socket import open_door
door = open_door(Path(sys.argv[1])); print("open", flush=True); sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a door may be: in a directory that is not there yet."""
    return tmp_path / "private" / "hob.sock"


@pytest.fixture
def door(path: Path) -> Iterator[Door]:
    with closing(open_door(path)) as opened:
        yield opened


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the door."""
    command = [sys.executable, "-I", "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        yield process
        process.kill()


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def assert_refused(path: Path, words: str) -> None:
    with pytest.raises(DoorError, match=re.escape(words)):
        open_door(path)


def test_owner_can_connect_and_is_told_apart_by_the_kernel(door: Door) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(door.path))
        accepted, _ = door.socket.accept()
        with accepted:
            peer = peer_of(accepted)
    assert (peer.uid, peer.gid, peer.pid) == (os.getuid(), os.getgid(), os.getpid())
    assert peer.executable() == os.path.realpath(sys.executable)


@pytest.mark.usefixtures("loose_umask")
def test_modes_are_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deeper" / "hob.sock"
    with closing(open_door(path)):
        modes = [mode_of(place) for place in (path, path.with_name("hob.sock.lock"), *path.parents[:2])]
    assert modes == [0o600, 0o600, 0o700, 0o700]


@pytest.mark.usefixtures("loose_umask")
def test_mode_is_private_before_anyone_can_connect(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with bind_private(path), socket.socket(socket.AF_UNIX) as client:
        assert mode_of(path) == 0o600
        with pytest.raises(ConnectionRefusedError):
            client.connect(str(path))


@pytest.mark.usefixtures("loose_umask")
def test_umask_is_as_before(door: Door) -> None:
    assert os.umask(0) == 0


def test_socket_does_not_block_and_is_not_inherited(door: Door) -> None:
    assert not door.socket.getblocking()
    assert not door.socket.get_inheritable()
    assert door.mode == 0o600


def test_second_daemon_is_told_who_serves(holder: subprocess.Popen[str], path: Path) -> None:
    assert_refused(path, f"another hobd (pid {holder.pid}) is already serving {path}")
    assert holder.poll() is None and stat.S_ISSOCK(path.lstat().st_mode)


def test_door_of_a_killed_daemon_is_taken_over(holder: subprocess.Popen[str], path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    assert stat.S_ISSOCK(path.lstat().st_mode)
    open_door(path).close()


def test_live_socket_without_a_lock_is_refused(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with bind_private(path) as stranger:
        stranger.listen()
        assert_refused(path, f"answers at {path}")
        assert path.exists()


def test_refused_door_leaves_no_lock_behind(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text("kept")
    assert_refused(path, "is no socket")
    assert path.read_text() == "kept"
    path.unlink()
    open_door(path).close()


def test_symbolic_link_at_the_path_is_refused_and_kept(door: Door, path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    assert_refused(link, "is no socket")
    assert link.is_symlink()


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o770])
def test_loose_directory_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    assert_refused(
        path, f"has mode {mode:04o}, so others could reach the door; run `chmod 700 {path.parent}`"
    )
    assert list(path.parent.iterdir()) == []


def test_shared_directory_is_not_to_be_closed(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o1777)
    assert_refused(path, "has mode 1777, so others could reach the door; set HOB_SOCKET")


def test_directory_behind_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    assert_refused(tmp_path / "link" / "hob.sock", "is a symbolic link")


def test_directory_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert_refused(path, "not to uid 12345")


def test_directory_that_is_a_file_is_refused(path: Path) -> None:
    path.parent.write_text("")
    assert_refused(path, "is not a directory")


def test_longest_path_is_served_and_a_longer_one_refused(tmp_path: Path) -> None:
    longest = tmp_path / ("s" * (MAX_SOCKET_PATH_BYTES - len(os.fsencode(tmp_path)) - 1))
    open_door(longest).close()
    assert_refused(Path(f"{longest}s"), f"has {MAX_SOCKET_PATH_BYTES + 1} bytes")


def test_lock_file_behind_a_symbolic_link_is_refused(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.with_name("hob.sock.lock").symlink_to(tmp_path / "victim")
    assert_refused(path, "could not open the lock file")
    assert not (tmp_path / "victim").exists()


def test_closed_door_is_gone_and_can_be_opened_again(path: Path) -> None:
    for _ in range(2):
        opened = open_door(path)
        opened.close()
        opened.close()
        assert not path.exists()


def test_close_leaves_a_socket_that_is_not_its_own(door: Door, path: Path) -> None:
    path.unlink()
    with bind_private(path):
        door.close()
        assert stat.S_ISSOCK(path.lstat().st_mode)


@pytest.mark.usefixtures("loose_umask")
@pytest.mark.parametrize(("mode", "directory_mode"), [(0o600, 0o700), (0o660, 0o750), (0o666, 0o755)])
def test_wider_door_has_its_mode_and_a_directory_that_nobody_else_writes(
    path: Path, mode: int, directory_mode: int
) -> None:
    gid = os.getgid() if mode == 0o660 else None
    with closing(open_door(path, Access(mode=mode, gid=gid))) as opened:
        assert (opened.mode, mode_of(path), mode_of(path.parent)) == (mode, mode, directory_mode)
    assert mode_of(path.with_name("hob.sock.lock")) == 0o600


@pytest.mark.parametrize(("mode", "loose"), [(0o660, 0o770), (0o660, 0o755), (0o666, 0o777), (0o666, 0o757)])
def test_directory_in_which_others_could_write_is_refused(path: Path, mode: int, loose: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(loose)
    with pytest.raises(DoorError, match=f"has mode {loose:04o}, so others could reach or replace the door"):
        open_door(path, Access(mode=mode))
    assert list(path.parent.iterdir()) == []


def test_nobody_can_connect_before_the_mode_is_what_it_should_be(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(os, "chmod", lambda place, mode: found.append(connection_error(path)))
    with closing(open_door(path, Access(mode=0o666))):
        assert found[-1] == errno.ECONNREFUSED


def connection_error(path: Path) -> int:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path))
