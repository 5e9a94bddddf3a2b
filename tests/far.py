"""Another machine, as far as ssh can tell: a real sshd on loopback, an ordinary process with keys of its own.

Must touch nothing of the user's ssh, and leave no process. As root, sshd runs as an ordinary user of a
namespace, because root's own wants a system around it. Used by tests/remote.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon import await_true

USER = "guest"
_UID = 1000
_AS_USER = """mount --bind "$1" /etc/passwd && shift &&
exec unshare --user --map-user=1000 --map-group=1000 "$@" """
_SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host_key
AuthorizedKeysFile {home}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv HOB_SOCKET={socket} PATH={path} HOB_MODELS_DIR={models} XDG_STATE_HOME={home} XDG_CONFIG_HOME={home}
"""
_SSH = """Host *
  IdentityFile {home}/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {home}/known_hosts
  GlobalKnownHostsFile /dev/null
  Port {port}
{extra}
"""


def find_sshd() -> str:
    """Skips, and says why, where there is none."""
    folders = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/usr/local/sbin", "/usr/libexec"))
    program = shutil.which("sshd", path=folders)
    if program is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server and client here: install openssh-server to run this test")
    return program


class FarMachine:
    """`start` it; then `url` is where it is, for whoever has `bin` first on the path."""

    def __init__(self, home: Path, door: Path, models: Path) -> None:
        self.home = home
        self.door = door
        self.program = find_sshd()
        self.ssh = shutil.which("ssh")  # before `bin` comes first on anybody's path
        self.bin = home / "bin"  # of the near side: an ssh with a configuration of the test's
        self.far_bin = home / "far-bin"
        for folder in (self.bin, self.far_bin):
            folder.mkdir(parents=True)
        self.port = _free_port()
        self.user = USER if os.getuid() == 0 else getpass.getuser()
        self.url = f"ssh://{self.user}@127.0.0.1"
        self.log_path = home / "sshd.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._models = models
        for name in ("host_key", "key", "other_key"):
            _keygen(home / name)
        shutil.copy(home / "key.pub", home / "authorized_keys")
        self.know("host_key")
        self.configure()
        self.install_hob()

    def know(self, *keys: str) -> None:
        """What the user believes to be this machine's host key."""
        lines = [f"[127.0.0.1]:{self.port} {(self.home / f'{key}.pub').read_text()}" for key in keys]
        (self.home / "known_hosts").write_text("".join(lines))

    def configure(self, extra: str = "") -> None:
        """The near side's ssh: the real one, with a configuration of the test's instead of the user's."""
        config = self.home / "ssh_config"
        config.write_text(_SSH.format(home=self.home, port=self.port, extra=extra))
        _script(self.bin / "ssh", f'exec {self.ssh} -F {config} "$@"')

    def install_hob(self) -> None:
        """Puts this checkout's `hob` on the far side's path."""
        _script(self.far_bin / "hob", f'exec {Path(sys.executable).parent / "hob"} "$@"')

    def start(self) -> FarMachine:
        config = self.home / "sshd_config"
        path = f"{self.far_bin}:/usr/bin:/bin"
        config.write_text(
            _SSHD.format(port=self.port, home=self.home, socket=self.door, path=path, models=self._models)
        )
        command = [self.program, "-D", "-e", "-f", str(config)]
        if os.getuid() == 0:
            passwd = self.home / "passwd"
            passwd.write_text(f"root:x:0:0::/root:/bin/sh\n{USER}:x:{_UID}:{_UID}::{self.home}:/bin/sh\n")
            unshare = ["unshare", "--mount", "--propagation", "private"]
            command = [*unshare, "sh", "-c", _AS_USER, "sh", str(passwd), *command]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        await_true(self._listens, f"sshd listens: {self.log_path}")
        return self

    def cut(self) -> None:
        """Ends every connection; sshd goes on listening."""
        for pid in self._sessions():
            subprocess.run(["kill", "-KILL", str(pid)], check=False)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.cut()
            self.process.terminate()
            self.process.wait(10)

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _sessions(self) -> list[int]:
        """sshd's children, which serve one connection each, and theirs."""
        assert self.process is not None
        found, young = [], [self.process.pid]
        while young:
            young = [pid for parent in young for pid in children(parent)]
            found += young
        return found


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _keygen(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)]
    subprocess.run(command, check=True)


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
