"""Starts workers, learns of their deaths, kills them: the process side of a worker's life.

Must spawn from the main thread only: a worker dies with the thread that started it (PR_SET_PDEATHSIG).
Used by broker.py; what is said to a worker is link.py's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hobd.broker.tripwire import make_bell
from hobd.errors import NotSupported
from hobd.sandbox import enter

if TYPE_CHECKING or sys.platform == "win32":
    from hobd.broker import windows_spawning
    from hobd.broker.windows_spawning import PipeEnd

# What a worker sees of our environment: nothing of the user's, and a few settings, each with its reason.
_WORKER_ENVIRONMENT = {
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


class WorkerProcess:
    """A started worker: its process, and our ends of the sockets it was born with."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        sock: socket.socket | PipeEnd,
        bell: socket.socket | None = None,
    ) -> None:
        """`bell`: over which it says where to hear of what it is refused; one without walls has none."""
        self.pid = process.pid
        self.sock = sock
        self.attesting_until = 0.0  # on the loop's clock
        self.bell = bell
        self._process = process
        self._exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watch()

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """From now on `protocol` has our end of the wire."""
        if isinstance(self.sock, socket.socket):
            await asyncio.get_running_loop().create_connection(lambda: protocol, sock=self.sock)
        else:
            self.sock.connect(protocol)

    async def wait(self) -> int:
        """The exit status as subprocess gives it: negative for a signal."""
        return await asyncio.shield(self._exited)

    @property
    def is_attesting(self) -> bool:
        """Whether it walks into its walls because it was asked to: what it trips then is no alarm."""
        return asyncio.get_running_loop().time() < self.attesting_until

    def kill(self) -> None:
        """SIGKILL; there is nothing in a worker that needs time to end."""
        if not self._exited.done():
            self._process.kill()

    def hang_up(self) -> None:
        """Closes our ends, for a worker that nobody has met."""
        self.sock.close()
        if self.bell is not None:
            self.bell.close()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if sys.platform != "linux":
            waiting = threading.Thread(target=self._await_end, args=(loop,), name="worker's end", daemon=True)
            waiting.start()
            return
        pidfd = os.pidfd_open(self.pid)

        def on_exit() -> None:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            self._on_exit()

        loop.add_reader(pidfd, on_exit)

    def _await_end(self, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread, where the kernel has no descriptor for a process."""
        self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended before the worker
            loop.call_soon_threadsafe(self._on_exit)

    def _on_exit(self) -> None:
        if not self._exited.done():
            self._exited.set_result(self._process.wait())


class Spawner(Protocol):
    """Starts one worker, which knows nothing yet: what it is to load comes with the Load message."""

    def spawn(self) -> WorkerProcess: ...


def runs_here(module: Sequence[str]) -> bool:
    """Whether this system has such a worker: what renders templates beside llama.cpp forks."""
    return sys.platform != "win32" or tuple(module) != ENGINE_WORKER


class PythonSpawner:
    """Workers as children of this interpreter, isolated from the user's environment and directory."""

    def __init__(self, *, sandbox: str, module: Sequence[str]) -> None:
        self._sandbox = sandbox
        self._module = tuple(module)

    def spawn(self) -> WorkerProcess:
        """Raises NotSupported."""
        if not runs_here(self._module):
            raise NotSupported("hob has no worker with llama.cpp for Windows yet; ask a daemon on Linux")
        if sys.platform == "win32":
            return WorkerProcess(*windows_spawning.start(self._module, self._sandbox, _WORKER_ENVIRONMENT))
        ours, theirs = socket.socketpair()
        # The wire stands for the bell where no kernel tells of refusals: a descriptor that is there anyway.
        bell, their_bell = make_bell() if enter.is_heard() else (None, theirs)
        with theirs, their_bell:
            command = [
                sys.executable,
                "-I",  # without it a folder called `hobd` in somebody's directory would be imported
                *self._module,
                *("--wire-fd", str(theirs.fileno())),
                *(("--bell-fd", str(their_bell.fileno())) if bell is not None else ()),
                *("--parent", str(os.getpid())),
                *("--sandbox", self._sandbox),
            ]
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), their_bell.fileno()),
                env=_WORKER_ENVIRONMENT,
                cwd="/",
            )
        ours.setblocking(False)
        if bell is not None and self._sandbox == "none":
            bell.close()
            bell = None
        return WorkerProcess(process, ours, bell)
