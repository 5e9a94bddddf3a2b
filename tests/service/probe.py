"""Walks into the walls that the unit promises, from inside the unit, and writes down what happened.

Must do no harm where a wall is missing. Run by systemd as the unit's ExecStartPre, under all its directives.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p


def check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def make_socket(family: int, kind: int = socket.SOCK_STREAM) -> Callable[[], None]:
    return lambda: socket.socket(family, kind).close()


def write_below(folder: str) -> Callable[[], None]:
    def attempt() -> None:
        path = Path(folder, f".hob-probe-{os.getpid()}")
        path.touch()
        path.unlink()

    return attempt


def map_executable() -> None:
    protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = libc.mmap(None, ctypes.c_size_t(4096), protection, kind, -1, ctypes.c_long(0))
    check(-1 if address == ctypes.c_void_p(-1).value else 0)


ATTEMPTS: dict[str, Callable[[], None]] = {
    "make an IPv4 socket": make_socket(socket.AF_INET),
    "make an IPv6 socket": make_socket(socket.AF_INET6),
    "make a netlink socket": make_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "make a Unix socket": make_socket(socket.AF_UNIX),
    "write to /usr": write_below("/usr"),
    "write to the home": write_below(os.environ["HOME"]),
    "write to the models": write_below(os.path.join(os.environ["HOME"], ".local/share/hob/models")),
    "write to the state": write_below(os.path.join(os.environ["HOME"], ".local/state/hob")),
    "write to /root": write_below("/root"),
    "map memory to write and execute": map_executable,
    "mount": lambda: check(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)),
    "make a namespace": lambda: check(libc.unshare(0x10000000)),
    "see the machine's devices": lambda: Path("/dev/kmsg").stat() and None,
}


def outcome(attempt: Callable[[], None]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "done"


def facts() -> dict[str, object]:
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {
        "seccomp": status["Seccomp"],
        "no new privileges": status["NoNewPrivs"],
        "capabilities": int(status["CapBnd"], 16),
        "core limit": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "users mapped": Path("/proc/self/uid_map").read_text().split(),
        "interfaces": _interfaces(),
        "temporary files": [fields[2] for fields in mounts if fields[1] in ("/tmp", "/var/tmp")],
        "umask": oct(os.umask(0o077)),
    }


def _interfaces() -> list[str]:
    return [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]


if __name__ == "__main__":
    told = {"attempts": {name: outcome(attempt) for name, attempt in ATTEMPTS.items()}, "facts": facts()}
    Path(sys.argv[1]).write_text(json.dumps(told))
