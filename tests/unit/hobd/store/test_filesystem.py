"""The mount that a descriptor came from says whether its ctime can be believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hobd.store import filesystem
from hobd.store.filesystem import keeps_ctime, kind_of

TABLE = b"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
220 22 0:50 / /mnt/remote rw,nosuid - fuse.sshfs host:/x rw,user_id=1000
221 22 0:51 / /mnt rw shared:3 master:1 - nfs4 host:/x rw
"""


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fdinfo").mkdir()
    (tmp_path / "mountinfo").write_bytes(TABLE)
    monkeypatch.setattr(filesystem, "_PROC", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("mount", "kind", "is_believed"),
    [("22", "ext4", True), ("220", "fuse.sshfs", False), ("221", "nfs4", False), ("9", "", False)],
)
def test_kind_is_that_of_the_mount(proc: Path, mount: str, kind: str, is_believed: bool) -> None:
    (proc / "fdinfo" / "5").write_text(f"pos:\t0\nflags:\t0100000\nmnt_id:\t{mount}\nino:\t7\n")
    assert (kind_of(5), keeps_ctime(kind_of(5))) == (kind, is_believed)


def test_what_cannot_be_found_out_is_not_believed(proc: Path) -> None:
    assert kind_of(77) == "" and not keeps_ctime("")


def test_this_kernel_tells(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    assert kind_of(fd)
    os.close(fd)
