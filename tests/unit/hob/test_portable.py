"""Reading from places of a file, as POSIX does it and as Windows has to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hob import portable


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_reading_from_a_place_leaves_the_files_own_place(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "file", os.O_RDONLY | portable.SAFELY)
    os.lseek(fd, 3, os.SEEK_SET)
    monkeypatch.setattr(sys, "platform", platform)
    into = bytearray(4)
    told = (portable.pread(fd, 3, 5), portable.pread_into(fd, into, 7), bytes(into), os.read(fd, 2))
    os.close(fd)
    assert told == (b"567", 3, b"789\0", b"34")


def test_users_are_who_the_system_says() -> None:
    assert (portable.own_uid(), portable.own_euid()) == (os.getuid(), os.geteuid())


def test_windows_counts_no_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert (portable.own_uid(), portable.own_euid()) == (0, 0)
