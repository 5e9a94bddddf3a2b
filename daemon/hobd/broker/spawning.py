"""The birth of a worker: a process with two sockets and nothing else of ours.

Must run on the main thread only: a worker dies with the thread that started it (PR_SET_PDEATHSIG). Must
import fast and without asyncio: main.py starts the first worker before it imports the rest of the daemon.
Used by supervisor.py, too; windows_spawning.py is its twin.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from hobd.sandbox import enter

#: What a worker sees of our environment: nothing of the user's, and a few settings, each with its reason.
WORKER_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    # NumPy's BLAS would start threads that we never use.
    "OPENBLAS_NUM_THREADS": "1",
    # When llama.cpp gives up it would read /proc and look for a debugger, neither of which it may.
    "GGML_NO_BACKTRACE": "1",
    # Huge pages for the KV cache: touching 190 MB of it costs 25 ms instead of 125 ms.
    # One heap for all threads: before glibc shrinks one of a thread's own it asks a file under /proc, which a
    # worker may not open.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1",
    # CUDA counts GPUs as the driver does, so that gpu0 is the same one to a worker and to devices.py.
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}
#: What Python runs as a worker that has llama.cpp.
ENGINE_WORKER = ("-m", "hobd.worker")


class Newborn(NamedTuple):
    """A worker that knows nothing yet, and our ends of the sockets it was born with.

    `bell`: over which it says where to hear of what it is refused; one without walls has none.
    """

    process: subprocess.Popen[bytes]
    sock: socket.socket
    bell: socket.socket | None

    def hang_up(self) -> None:
        self.sock.close()
        if self.bell is not None:
            self.bell.close()


def runs_here(module: Sequence[str]) -> bool:
    """Whether this system has such a worker: what renders templates beside llama.cpp forks."""
    return sys.platform != "win32" or tuple(module) != ENGINE_WORKER


def start(module: Sequence[str], sandbox: str) -> Newborn:
    """A child of this interpreter, isolated from the user's environment and directory. Raises OSError."""
    ours, theirs = socket.socketpair()
    # The wire stands for the bell where no kernel tells of refusals: a descriptor that is there anyway.
    bell, their_bell = make_bell() if enter.is_heard() else (None, theirs)
    with theirs, their_bell:
        command = [
            sys.executable,
            "-I",  # without it a folder called `hobd` in somebody's directory would be imported
            *module,
            *("--wire-fd", str(theirs.fileno())),
            *(("--bell-fd", str(their_bell.fileno())) if bell is not None else ()),
            *("--parent", str(os.getpid())),
            *("--sandbox", sandbox),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), their_bell.fileno()),
            env=WORKER_ENVIRONMENT,
            cwd="/",
        )
    ours.setblocking(False)
    if bell is not None and sandbox == "none":
        bell.close()
        bell = None
    return Newborn(process, ours, bell)


def make_bell() -> tuple[socket.socket, socket.socket]:
    """Our end, and the worker's. The kernel says of each message which process sent it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, theirs
