"""One worker that was started before anybody needs it: confined, its libraries loaded, without a model.

Must never hold more than one, nor start it while a model loads or answers. Taken by loading.py; kept by
main.py, as long as the daemon runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hobd import log
from hobd.broker.exit_status import describe_exit
from hobd.broker.supervisor import Spawner, WorkerProcess

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 300.0


class SpareWorker:
    """`keep` it filled; `take` what there is. Its first word waits unread in its socket."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._process: WorkerProcess | None = None
        self._taken = asyncio.Event()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def take(self) -> WorkerProcess | None:
        """The spare one, now the caller's; None if there is none."""
        process, self._process = self._process, None
        self._taken.set()
        return process

    def let_go(self) -> None:
        """Ends the one there is. `keep` starts another as soon as it is quiet."""
        if (process := self.take()) is not None:
            process.kill()
            process.hang_up()

    async def keep(self, quiet: Callable[[], Awaitable[None]]) -> None:
        """Starts one whenever there is none and `quiet` returns; one that dies is replaced, ever later."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                await quiet()
                if await self._stand_by():
                    pause = _FIRST_PAUSE_SECONDS
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        finally:
            self.let_go()

    async def _stand_by(self) -> bool:
        """Starts one and waits until it is taken. False: it died before, or could not be started."""
        self._taken.clear()
        try:
            process = self._process = self._spawner.spawn()
        except OSError as error:  # no memory, no descriptors; a load would say so to who asked
            log.event("spare_died", level="warning", pid=0, how=f"not started: {error.strerror}")
            return False
        death = asyncio.ensure_future(process.wait())
        taken = asyncio.ensure_future(self._taken.wait())
        try:
            await asyncio.wait((death, taken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            death.cancel()
            taken.cancel()
        if self._process is None:
            return True
        self.let_go()
        status = await process.wait()
        log.event("spare_died", level="warning", pid=process.pid, how=describe_exit(status))
        return False
