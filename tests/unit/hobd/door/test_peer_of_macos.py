"""Who calls on macOS, from bytes as its kernel would give them; no macOS is asked."""

from __future__ import annotations

import struct
import sys

import pytest
from hobd.door.peer import peer_of
from hobd.errors import NotSupported
from hypothesis import given
from hypothesis import strategies as st

IDS = st.integers(0, 2**32 - 1)


class MacSocket:
    """Answers LOCAL_PEERCRED with a struct xucred, and LOCAL_PEERPID with a number."""

    def __init__(self, uid: int, gid: int, pid: int, version: int = 0) -> None:
        self.xucred = struct.pack("=IIhxx16I", version, uid, 2, gid, *range(15))
        self.pid = struct.pack("=i", pid)

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        assert level == 0
        return {1: self.xucred, 2: self.pid}[optname][:buflen]


@given(uid=IDS, gid=IDS, pid=st.integers(0, 2**31 - 1))
def test_kernel_says_who_calls(uid: int, gid: int, pid: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        peer = peer_of(MacSocket(uid, gid, pid))
    assert (peer.uid, peer.gid, peer.pid) == (uid, gid, pid)


def test_unknown_description_of_callers_admits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotSupported, match="version 7"):
        peer_of(MacSocket(501, 20, 1, version=7))
