"""Where the gateway listens: a Unix socket of its own, or loopback; a network only if that is said aloud.

Must never open more than was named, and refuse a network without --lan and TLS. Called by server.py.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from hob_client.errors import InvalidRequest, NotPermitted

DEFAULT = "127.0.0.1:4620"
_BACKLOG = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`path` for a Unix socket, else host and port; port 0 takes any that is free."""

    path: str = ""
    host: str = ""
    port: int | None = None

    @property
    def is_loopback(self) -> bool:
        return bool(self.path) or ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`unix:/PATH`, `127.0.0.1:4620`, `[::1]:4620`. Names are not looked up, but `localhost`."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or len(os.fsencode(path)) > 100:
            raise InvalidRequest(f"the socket {path!r} must be an absolute path of at most 100 bytes")
        return Address(path=path)
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise InvalidRequest(f"the address {text!r} must look like {DEFAULT}, [::1]:4620 or unix:/path")
    return Address(host=host, port=number)


def check_reach(address: Address, *, lan: bool) -> None:
    if not lan and not address.is_loopback:
        raise NotPermitted(
            f"{address} can be reached from the network; say --lan if that is meant, or listen on {DEFAULT}"
        )


def listen(address: Address) -> tuple[socket.socket, Address]:
    """A socket that listens, and where it does."""
    return _listen_unix(address) if address.path else _listen_tcp(address)


def _listen_tcp(address: Address) -> tuple[socket.socket, Address]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # The protocol is named because asyncio sends at once (TCP_NODELAY) only where it reads that it is TCP:
    # else every small answer waits 40 ms for an acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listening.bind((address.host, address.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InvalidRequest(
            f"the gateway cannot listen on {address} ({error.strerror}); name another with --listen"
        ) from None
    return listening, Address(host=address.host, port=listening.getsockname()[1])


def _listen_unix(address: Address) -> tuple[socket.socket, Address]:
    """Of mode 0600 from the first moment: the mask is set before the file is made."""
    _clear(Path(address.path))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(address.path)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InvalidRequest(f"the gateway cannot listen on {address} ({error.strerror})") from None
    finally:
        os.umask(mask)
    return listening, address


def _clear(path: Path) -> None:
    """A socket that nobody answers at is left over; anything else is somebody's."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        if not stat.S_ISSOCK(mode) or probe.connect_ex(str(path)) == 0:
            raise InvalidRequest(f"{path} is in use; name another socket, or end who listens there")
    path.unlink()
