"""How the kernel's answer is read, on both systems.

Must need no socket: the connection is a table of options.
Run by pytest.
"""

from __future__ import annotations

import struct
import sys

import pytest
from hobd.door.caller import Caller, caller_from
from hobd.door.peer import Peer, peer_of
from hobd.errors import NotSupported


class Options:
    """A connection that answers from a table: (level, option) to bytes."""

    def __init__(self, table: dict[tuple[int, int], bytes]) -> None:
        self.table = table

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        return self.table[level, optname][:buflen]


def test_linux_credentials_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    connection = Options({(1, 17): struct.pack("=iII", 77, 4_000_000_000, 1002)})
    assert peer_of(connection) == Peer(uid=4_000_000_000, gid=1002, pid=77)


def test_macos_credentials_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    xucred = struct.pack("=IIhxx16I", 0, 501, 2, 20, 12, *[0] * 14)
    connection = Options({(0, 1): xucred, (0, 2): struct.pack("=i", 77)})
    assert peer_of(connection) == Peer(uid=501, gid=20, pid=77)


def test_system_that_does_not_tell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "sunos5")
    with pytest.raises(NotSupported, match="sunos5"):
        peer_of(Options({}))


@pytest.mark.parametrize("pid", [0, 1 << 30], ids=["not told", "ended"])
def test_unknown_executable_is_empty(pid: int) -> None:
    assert Peer(uid=1, gid=1, pid=pid).executable() == ""


def test_caller_holds_what_the_kernel_and_the_door_said() -> None:
    caller = caller_from(Peer(uid=5, gid=6, pid=0), door="owner")
    assert caller == Caller(uid=5, pid=0, executable="", door="owner")
