"""Windows: the system's low-memory notification object, on which a thread waits.

Must not be imported elsewhere. Chosen by watch.py. Written from the system's documentation and not yet
run there: `hob status` shows whether it armed.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import Callable
from typing import Any

_LOW_MEMORY = 0  # LowMemoryResourceNotification
_INFINITE = 0xFFFFFFFF
#: The object stays signalled while memory is low: so long between two alarms.
_AGAIN_MS = 2000


class Watch:
    """A thread that sleeps until memory is low, or until `stop`."""

    def __init__(self) -> None:
        self.source = "low memory notification"
        self._kernel: Any = None
        self._stop: int | None = None
        self._thread: threading.Thread | None = None

    def start(self, on_alarm: Callable[[], None]) -> None:
        kernel = self._kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
        for name in ("CreateMemoryResourceNotification", "CreateEventW"):
            getattr(kernel, name).restype = ctypes.c_void_p
        low = kernel.CreateMemoryResourceNotification(_LOW_MEMORY)
        self._stop = kernel.CreateEventW(None, True, False, None)
        if not low or not self._stop:
            self.source = "none: the system gave no notification object"
            return
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(low, loop, on_alarm), name="memory pressure", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._kernel.SetEvent(ctypes.c_void_p(self._stop))
            self._thread.join()

    def _run(self, low: int, loop: asyncio.AbstractEventLoop, on_alarm: Callable[[], None]) -> None:
        handles = (ctypes.c_void_p * 2)(self._stop, low)
        while self._kernel.WaitForMultipleObjects(2, handles, False, _INFINITE) == 1:
            loop.call_soon_threadsafe(on_alarm)
            if self._kernel.WaitForSingleObject(ctypes.c_void_p(self._stop), _AGAIN_MS) == 0:
                return
