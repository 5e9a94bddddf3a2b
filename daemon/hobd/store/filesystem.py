"""On what kind of file system an open file lies, and whether the kernel's word on its changes can be
believed there.

Must not trust a name: what is asked is the mount that the descriptor itself came from. Called by digest.py.

On a local disk nobody but an administrator can set a file's ctime back, so size, inode and times that are
as they were mean content that is as it was. Behind a network or FUSE file system somebody else makes up all
of them.
"""

from __future__ import annotations

import os
from pathlib import Path

#: The kernel itself keeps their ctimes, with fractions of a second.
LOCAL = frozenset("bcachefs btrfs ext4 f2fs overlay ramfs tmpfs xfs zfs".split())
_MAX_BYTES = 4 << 20
_PROC = Path("/proc/self")


def kind_of(fd: int) -> str:
    """As the mount table calls it: ext4, nfs4, fuse.sshfs; empty where that cannot be found out."""
    try:
        mount = _mount_id(_PROC / "fdinfo" / str(fd))
        with (_PROC / "mountinfo").open("rb") as table:
            return _kind(table.read(_MAX_BYTES), mount)
    except (OSError, ValueError):
        return ""


def keeps_ctime(kind: str) -> bool:
    return kind in LOCAL


def _mount_id(info: Path) -> bytes:
    for line in info.read_bytes().splitlines():
        if line.startswith(b"mnt_id:"):
            return line.removeprefix(b"mnt_id:").strip()
    raise ValueError("no mount")


def _kind(table: bytes, mount: bytes) -> str:
    """`36 35 98:0 /root /here rw,noatime shared:1 - ext4 /dev/sda1 rw`: the word behind the dash."""
    for line in table.splitlines():
        if line.startswith(mount + b" "):
            return os.fsdecode(line.partition(b" - ")[2].split(b" ", 1)[0])
    return ""
