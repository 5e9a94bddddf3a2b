"""What a gateway that somebody took over can still reach, tried from inside of its walls."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

BEGIN = """
import os, socket, sys
from hob_gateway.confine import run_confined
door, other, secret = sys.argv[1:4]
listening = socket.create_server(("127.0.0.1", 0))
def taken_over(words):
"""
END = "\nsys.exit(run_confined(door, [], [], taken_over))"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Path]:
    """It says `door` to everybody; the one beside it says `other`."""
    for name in ("door", "other"):
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / name))
        listening.listen()
        threading.Thread(target=greet, args=(listening, name.encode()), daemon=True).start()
    (tmp_path / "secret").write_text("secret")
    yield tmp_path / "door"


def greet(listening: socket.socket, words: bytes) -> None:
    with listening:
        while (connection := listening.accept()[0]) is not None:
            with connection:
                connection.sendall(words)


def attempt(door: Path, code: str) -> str:
    """What the code printed, run where the gateway serves."""
    indented = "\n".join("    " + line for line in [*code.splitlines(), "sys.stdout.flush()", "return 0"])
    arguments = [str(door.parent / name) for name in ("door", "other", "secret")]
    told = subprocess.run(
        [sys.executable, "-c", BEGIN + indented + END, *arguments], capture_output=True, text=True, timeout=60
    )
    return told.stdout + told.stderr


def test_walls_are_told() -> None:
    told = attempt(Path("/nowhere/door"), "print(words)")
    assert "reaches its door only (seccomp)" in told and "private" in told


@pytest.mark.parametrize("target", ["door", "other", "'/run/nothing'"])
def test_every_connect_ends_at_the_door(door: Path, target: str) -> None:
    code = f"s = socket.socket(socket.AF_UNIX); s.connect({target}); s.setblocking(True); print(s.recv(9))"
    assert attempt(door, code) == "b'door'\n"


def test_accepted_connection_cannot_be_led_elsewhere(door: Path) -> None:
    taken_apart = "listening.connect(('192.0.2.1', 80))"
    hear = "heard = socket.socket(fileno=os.dup(listening.fileno()))\nheard.setblocking(True)"
    code = f"{taken_apart}\n{hear}\nprint(heard.recv(9))"
    assert attempt(door, code) == "b'door'\n"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("socket.socket(socket.AF_INET)", "family"),
        ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", "family"),
        ("socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "family"),
        ("socket.socket(socket.AF_UNIX).bind('/tmp/x')", "EPERM"),
        ("os.execv('/bin/true', ['true'])", "EPERM"),
        ("open(secret)", "EACCES"),
        ("open(door + '.new', 'w')", "EACCES"),
        ("os.kill(1, 0) if os.getuid() == 0 else os.kill(os.getppid(), 0)", "EPERM"),
    ],
)
def test_way_out_is_closed(door: Path, code: str, fault: str) -> None:
    words = {"family": "EAFNOSUPPORT"}.get(fault, fault)
    attempted = f"try:\n    {code}\n    print('open')"
    tried = f"import errno\n{attempted}\nexcept OSError as error:\n    print(errno.errorcode[error.errno])"
    assert attempt(door, tried) == f"{words}\n"
