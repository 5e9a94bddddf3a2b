"""macOS: the kernel's memory pressure level, which libdispatch tells as an event.

Must not be imported elsewhere. Chosen by watch.py. Written from the system's documentation and not yet
run on a Mac: `hob status` shows whether it armed.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

_WARN, _CRITICAL = 0x02, 0x04  # DISPATCH_MEMORYPRESSURE_*
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Watch:
    """A dispatch source of the type "memory pressure" on a global queue."""

    def __init__(self) -> None:
        self.source = "dispatch memory pressure"
        self._library: Any = None
        self._dispatch: int | None = None
        self._handler: Any = None  # libdispatch keeps the pointer, Python must keep the function

    def start(self, on_alarm: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._arm(lambda _context: loop.call_soon_threadsafe(on_alarm))
        except (OSError, AttributeError, ValueError) as error:
            self.source = f"none: libdispatch does not have it ({error})"

    def stop(self) -> None:
        if self._dispatch is not None:
            self._library.dispatch_source_cancel(ctypes.c_void_p(self._dispatch))
            self._dispatch = None

    def _arm(self, handler: Callable[[int | None], object]) -> None:
        library = self._library = ctypes.CDLL("/usr/lib/system/libdispatch.dylib")
        kind = ctypes.addressof(ctypes.c_char.in_dll(library, "_dispatch_source_type_memorypressure"))
        library.dispatch_get_global_queue.restype = ctypes.c_void_p
        library.dispatch_get_global_queue.argtypes = (ctypes.c_long, ctypes.c_ulong)
        library.dispatch_source_create.restype = ctypes.c_void_p
        library.dispatch_source_create.argtypes = (
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_ulong,
            ctypes.c_void_p,
        )
        queue = library.dispatch_get_global_queue(0, 0)
        source = library.dispatch_source_create(kind, 0, _WARN | _CRITICAL, queue)
        if not source:
            raise ValueError("no dispatch source")
        self._handler = _Handler(handler)
        library.dispatch_source_set_event_handler_f(ctypes.c_void_p(source), self._handler)
        library.dispatch_activate(ctypes.c_void_p(source))
        self._dispatch = source
