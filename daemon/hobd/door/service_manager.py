"""What a service manager hands to the daemon, a listening socket, and what it is told: `ready`, `stopping`.

Must never connect (the daemon may not), never fail for want of a listener, and never pass its variables on.
Called by main.py; speaks systemd's two protocols, LISTEN_FDS and NOTIFY_SOCKET, which others speak as well.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from hobd.errors import DoorError

_FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
_MICROSECONDS = 1_000_000


def take_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The socket opened for this very process, if one was; DoorError if something else was handed over."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()):  # meant for whoever started us
        return None
    if count != "1":
        raise DoorError(f"hobd takes one socket, not {count[:20]!r}; give its socket unit one ListenStream")
    try:
        os.set_inheritable(_FIRST_DESCRIPTOR, False)
        return socket.socket(fileno=_FIRST_DESCRIPTOR)
    except OSError as error:
        raise DoorError(f"descriptor 3 is no socket ({error.strerror}); hand over one that listens") from None


class ServiceManager:
    """Whoever started us and wants to know how we are; nobody, where no manager did."""

    __slots__ = ("_address",)

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        named = environ.pop("NOTIFY_SOCKET", "")
        # A leading @ stands for the zero byte of an abstract address. Nothing but these two is ours to use.
        self._address = "\0" + named[1:] if named.startswith("@") else named if named.startswith("/") else ""

    def ready(self) -> None:
        self._tell("READY=1\nSTATUS=Serving.")

    def stopping(self, *, within_seconds: int) -> None:
        """It is given that much longer than its unit says, so that requests under way can end."""
        self._tell(
            f"STOPPING=1\nSTATUS=Finishing what is under way.\n"
            f"EXTEND_TIMEOUT_USEC={within_seconds * _MICROSECONDS}"
        )

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                # Not connect: by now the kernel refuses that call to this process.
                sender.sendto(state.encode(), self._address)
        except OSError:
            pass  # a manager that went away, or hears nothing, is no reason not to serve
