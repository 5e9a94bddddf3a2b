"""Nothing that hob is made of talks to anybody: what clients and dependencies ask of the kernel, by strace.

grpcio, when a channel is first opened, makes one IPv4 socket to find out what the machine can do, and
closes it again. That is all there is, and it is never given an address.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from provision.sbom import closure

from tests.daemon import RunningDaemon

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace to watch with")
HOB = Path(sys.executable).with_name("hob")
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)$")
_NOT_IMPORTED = {"hob", "llama-cpp-python"}  # ours; and what workers load by name, without its package
CLIENTS = {
    "run": ["run", "-m", "m", "hello"],
    "chat": ["chat", "-m", "m"],
    "ps": ["ps"],
    "models": ["models"],
    "status": ["status"],
    "load": ["load", "m"],
    "stop": ["stop", "m"],
    "version": ["version"],
    "help": ["--help"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`made`: families of sockets of the network; `used`: calls with an address of one."""

    made: frozenset[str]
    used: tuple[str, ...]


def watch(tmp_path: Path, *command: object, environ: dict[str, str] | None = None) -> Seen:
    told = tmp_path / "strace"
    argv = ["strace", "-f", "-qq", "-e", "trace=%network", "-e", "signal=none", "-o", told, *command]
    done = subprocess.run(
        list(map(str, argv)),
        env=environ or dict(os.environ),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    calls = [call for line in told.read_text().splitlines() if (call := _CALL.match(line))]
    families = {
        re.split(r"[,)]", call["arguments"])[0] for call in calls if call["name"].startswith("socket")
    }
    used = tuple(call[0] for call in calls if re.search(r"sa_family=AF_(?!UNIX|UNSPEC)", call["arguments"]))
    return Seen(made=frozenset(families - {"AF_UNIX", "AF_LOCAL"}), used=used)


def modules() -> list[str]:
    """What every package of an installation offers for import."""
    shipped = closure("hob", ("daemon", "engine"))
    shipped = {name: needs for name, needs in shipped.items() if name not in _NOT_IMPORTED}
    return sorted(
        module
        for module, packages in packages_distributions().items()
        if module.isidentifier() and {name.lower().replace("_", "-") for name in packages} & shipped.keys()
    )


@pytest.mark.slow
def test_importing_every_dependency_touches_no_network(tmp_path: Path) -> None:
    imports = "\n".join(f"import {module}" for module in modules())
    seen = watch(tmp_path, sys.executable, "-I", "-c", imports)
    assert len(modules()) > 20
    assert seen == Seen(made=frozenset(), used=())


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_client_gives_no_address_of_the_network_to_anybody(
    client: str, daemon: RunningDaemon, tmp_path: Path
) -> None:
    daemon.add_model("m")
    daemon.start()
    seen = watch(tmp_path, HOB, "--no-start", *CLIENTS[client], environ=daemon.environment)
    assert seen.used == ()
    assert seen.made <= {"AF_INET", "AF_INET6"}


@pytest.mark.slow
def test_neither_does_an_async_client(daemon: RunningDaemon, tmp_path: Path) -> None:
    daemon.start()
    program = (
        "import asyncio, hob_client\nasync def ask():\n"
        f"    async with hob_client.AsyncClient({str(daemon.socket)!r}, start=False) as hob:\n"
        "        await hob.status()\n"
        "asyncio.run(ask())"
    )
    seen = watch(tmp_path, sys.executable, "-I", "-c", program)
    assert seen.used == () and seen.made <= {"AF_INET", "AF_INET6"}


@pytest.mark.slow
def test_without_grpcio_no_client_makes_a_socket_of_the_network(tmp_path: Path) -> None:
    seen = watch(tmp_path, HOB, "service", "install", "--print")
    assert seen == Seen(made=frozenset(), used=())


LEAKS = {
    "a packet to a neighbour": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
    "a connection": "s = socket.socket(); s.connect_ex(('127.0.0.1', 9))",
    "a connection over IPv6": "s = socket.socket(socket.AF_INET6); s.connect_ex(('::1', 9))",
    "a look-up of a name": "try: socket.getaddrinfo('hob.invalid', 1)\nexcept OSError: pass",
}


@pytest.mark.slow
@pytest.mark.parametrize("leak", LEAKS)
def test_watch_sees(leak: str, tmp_path: Path) -> None:
    seen = watch(tmp_path, sys.executable, "-I", "-c", f"import socket\n{LEAKS[leak]}")
    assert seen.made and seen.used
