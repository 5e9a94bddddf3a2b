"""Linux: the kernel's pressure stall information as an event, without asking for it again and again.

Must not read anything but the one file it watches. Chosen by watch.py.

A trigger is a line written into a pressure file; the descriptor then reports POLLPRI whenever tasks
stalled for memory that long within the window. systemd names a file and a line to services that it
watches over (MEMORY_PRESSURE_WATCH, MEMORY_PRESSURE_WRITE): our own control group's, so the better one,
or a pipe of its own. Without rights the kernel permits windows of whole multiples of two seconds.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import select
import stat
import threading
from collections.abc import Callable, Mapping

from hobd.pressure.watch import MemoryWatch, NoWatch

_FILE = "/proc/pressure/memory"
#: Some task waited for memory for 7.5 % of two seconds.
_TRIGGER = b"some 150000 2000000\0"


def choose(environment: Mapping[str, str], file: str = _FILE) -> MemoryWatch:
    """The service manager's choice, else the whole machine's pressure, else none and why."""
    named = environment.get("MEMORY_PRESSURE_WATCH", "")
    if named == os.devnull:
        return NoWatch("the service manager switched it off")
    if named:
        try:
            return Watch(named, base64.b64decode(environment.get("MEMORY_PRESSURE_WRITE", ""), validate=True))
        except (OSError, binascii.Error):
            pass  # a file that this service may not open, say; then the machine's own
    try:
        return Watch(file, _TRIGGER)
    except OSError as error:
        return NoWatch(f"{file} cannot be watched ({error.strerror})")


class Watch:
    """One armed trigger. The kernel reports at most one alarm for each window."""

    def __init__(self, path: str, trigger: bytes) -> None:
        """Raises OSError when the kernel does not arm it: it is too old, or this user may not."""
        self.source = path
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if trigger:
                os.write(self._fd, trigger)
        except OSError:
            os.close(self._fd)
            raise
        self._is_pipe = stat.S_ISFIFO(os.fstat(self._fd).st_mode)
        self._end = os.eventfd(0, os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None

    def start(self, on_alarm: Callable[[], None]) -> None:
        # asyncio's selector knows no POLLPRI, and an epoll inside an epoll loses it: to ask a trigger
        # whether it has fired takes the answer away. A thread that sleeps in poll costs nothing.
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop, on_alarm), name="memory pressure", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        os.eventfd_write(self._end, 1)
        if self._thread is not None:
            self._thread.join()
        for fd in (self._fd, self._end):
            os.close(fd)

    def _run(self, loop: asyncio.AbstractEventLoop, on_alarm: Callable[[], None]) -> None:
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        poll.register(self._fd, select.POLLIN if self._is_pipe else select.POLLPRI)
        while True:
            events = dict(poll.poll())
            if self._end in events:
                return
            if events[self._fd] & (select.POLLERR | select.POLLNVAL):  # its control group is gone
                self.source = f"none: {self.source} went away"
                return
            if self._is_pipe:
                os.read(self._fd, 4096)
            loop.call_soon_threadsafe(on_alarm)
