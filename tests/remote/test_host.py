"""`hob --host ssh://...` and `Client("ssh://...")` through a real sshd."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest
from hob_client import AsyncClient, Client
from hob_client.errors import DaemonUnreachable, InvalidRequest, NotPermitted

from tests.daemon import RunningDaemon, await_true
from tests.far import FarMachine, children
from tests.remote.conftest import Near


def test_question_is_answered_by_the_daemon_elsewhere(near: Near, far: FarMachine) -> None:
    told = near.hob("--host", far.url, "--json", "ps")
    assert told.returncode == 0, told.stderr
    answer = near.hob("--host", far.url, "run", "--max-tokens", "3", "hi")
    assert answer.returncode == 0 and answer.stdout, answer.stderr
    there = json.loads(near.hob("--json", "ps", HOB_HOST=far.url).stdout)
    assert "ok" in json.dumps(there) and "ok" not in near.hob("--json", "ps").stdout


def test_python_client_takes_a_host(near: Near, far: FarMachine, there: RunningDaemon) -> None:
    with Client(far.url) as client:
        assert client.status().pid == there.pid
        (tunnel,) = near.left_over()
        assert stat.S_IMODE(tunnel.stat().st_mode) == 0o700
        assert stat.S_IMODE((tunnel / "hob.sock").stat().st_mode) == 0o600


@pytest.mark.parametrize("has_hob", [True, False])
def test_door_is_found_with_and_without_hob_there(near: Near, far: FarMachine, has_hob: bool) -> None:
    if not has_hob:
        (far.far_bin / "hob").unlink()
    try:
        with Client(far.url, start=False) as client:
            assert client.status().version
    finally:
        far.install_hob()


def test_daemon_elsewhere_is_started_by_who_asks_it(near: Near, tmp_path: Path) -> None:
    box = FarMachine(tmp_path / "box", tmp_path / "run" / "hob.sock", tmp_path)
    box.start()
    path = os.pathsep.join((str(box.bin), os.environ["PATH"]))
    try:
        assert near.hob("--host", box.url, "--no-start", "status", PATH=path).returncode == 3
        assert near.hob("--host", box.url, "models", PATH=path).returncode == 0
        assert near.hob("--host", box.url, "stop", "--daemon", PATH=path).returncode == 0
    finally:
        box.stop()


def test_async_client_takes_a_host(near: Near, far: FarMachine, there: RunningDaemon) -> None:
    async def ask() -> int:
        async with AsyncClient(far.url) as client:
            return (await client.status()).pid

    assert asyncio.run(ask()) == there.pid


def test_no_tcp_socket_is_opened_but_sshs_own_connection(near: Near, far: FarMachine) -> None:
    with Client(far.url) as client:
        assert client.status().version
        ours = [os.getpid(), *near.tunnels(), *(pid for guard in near.tunnels() for pid in children(guard))]
        assert len(ours) >= 3 and not [pid for pid in ours if listens(pid)]
        assert far.process is not None and listens(far.process.pid)  # or the test could not see it


def listens(pid: int) -> bool:
    """Whether a process has a socket that TCP listens at (state 0A)."""
    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().split("\n")
    ]
    listening = {f"socket:[{fields[9]}]" for fields in lines if fields[3:4] == ["0A"]}
    opened = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    return bool(listening & opened)


def test_answer_that_is_cut_says_so_and_the_next_is_whole(near: Near, far: FarMachine) -> None:
    with Client(far.url) as client:
        answer = client.chat("slow", "hi", max_tokens=500, ignore_eos=True)
        next(event for event in answer if event.kind == "delta")
        far.cut()
        with pytest.raises(DaemonUnreachable, match="went away in the middle"):
            list(answer)
        assert client.ask("ok", "hi", max_tokens=2).text


def test_wrong_host_key_is_refused(near: Near, far: FarMachine) -> None:
    far.know("other_key")
    try:
        told = near.hob("--host", far.url, "ps")
        assert told.returncode == 9 and "host key" in told.stderr and "Traceback" not in told.stderr
    finally:
        far.know("host_key")


def test_unknown_host_key_is_refused_without_a_terminal(near: Near, far: FarMachine) -> None:
    far.know()
    try:
        with Client(far.url) as client, pytest.raises(NotPermitted, match="is not known here; log in once"):
            client.status()
    finally:
        far.know("host_key")


def test_login_that_is_refused_is_told(near: Near, far: FarMachine) -> None:
    (far.home / "authorized_keys").rename(far.home / "nobody")
    try:
        with Client(far.url) as client, pytest.raises(NotPermitted, match="did not let you in"):
            client.status()
    finally:
        (far.home / "nobody").rename(far.home / "authorized_keys")


def test_host_without_a_daemon_is_told(near: Near, far: FarMachine) -> None:
    with Client(f"{far.url}/nowhere/hob.sock") as client:
        with pytest.raises(DaemonUnreachable, match="no daemon answers at /nowhere/hob"):
            client.status()


def test_machine_that_does_not_listen_is_told(near: Near, far: FarMachine) -> None:
    with Client(far.url.replace("@127.0.0.1", "@127.0.0.1:1")) as client:
        with pytest.raises(DaemonUnreachable, match="takes no ssh connection"):
            client.status()


def test_machine_without_ssh_says_what_to_install(near: Near, far: FarMachine, tmp_path: Path) -> None:
    told = near.hob("--host", far.url, "ps", PATH=str(tmp_path))
    assert told.returncode == 10 and "install OpenSSH" in told.stderr


def test_forwarding_of_the_users_configuration_is_not_opened(near: Near, far: FarMachine) -> None:
    far.configure("  LocalForward 127.0.0.1:45999 127.0.0.1:1")
    try:
        with Client(far.url) as client, pytest.raises(NotPermitted, match="also opens localforward"):
            client.status()
    finally:
        far.configure()


def test_local_command_refuses_a_host(near: Near, far: FarMachine) -> None:
    told = near.hob("--host", far.url, "doctor")
    assert told.returncode == 4 and "run it there" in told.stderr


def test_two_daemons_at_once_are_refused(near: Near, far: FarMachine) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOB_HOST", far.url)
        patch.setenv("HOB_SOCKET", "/somewhere")
        with pytest.raises(InvalidRequest, match="name two daemons"):
            Client()


def test_killed_client_leaves_no_tunnel(near: Near, far: FarMachine) -> None:
    process = near.popen("--host", far.url, "events")
    await_true(lambda: [path for path in near.left_over() if (path / "hob.sock").exists()], "a tunnel")
    process.kill()
    process.communicate()
    await_true(lambda: not near.left_over() and not near.tunnels(), "its ssh has ended")
