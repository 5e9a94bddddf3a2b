"""Starts workers, learns of their deaths, kills them: the process side of a worker's life.

Must spawn from the main thread only, as spawning.py says. Used by broker.py; what is said to a worker is
link.py's business.
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

from hobd.broker import spawning
from hobd.broker.spawning import WORKER_ENVIRONMENT, Newborn, runs_here
from hobd.errors import NotSupported

if TYPE_CHECKING or sys.platform == "win32":
    from hobd.broker import windows_spawning
    from hobd.broker.windows_spawning import PipeEnd


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


class PythonSpawner:
    """Workers as children of this interpreter. `first`: one that was started already, to be given first."""

    def __init__(self, *, sandbox: str, module: Sequence[str], first: Newborn | None = None) -> None:
        self._sandbox = sandbox
        self._module = tuple(module)
        self._first = first

    @property
    def runs_here(self) -> bool:
        """Whether this system has such workers."""
        return runs_here(self._module)

    def let_go(self) -> None:
        """Ends the first one if nobody asked for it."""
        first, self._first = self._first, None
        if first is not None:
            unwanted = WorkerProcess(*first)
            unwanted.kill()
            unwanted.hang_up()

    def spawn(self) -> WorkerProcess:
        """Raises NotSupported."""
        if not self.runs_here:
            raise NotSupported("hob has no worker with llama.cpp for Windows yet; ask a daemon on Linux")
        if sys.platform == "win32":
            return WorkerProcess(*windows_spawning.start(self._module, self._sandbox, WORKER_ENVIRONMENT))
        first, self._first = self._first, None
        if first is not None:
            if first.process.poll() is None:
                return WorkerProcess(*first)
            first.hang_up()
        return WorkerProcess(*spawning.start(self._module, self._sandbox))
