"""What `ssh://[user@]box[:port][/path/to/hob.sock]` means, read strictly.

Must let nothing through that ssh, a shell or a forwarding could take for anything but a name, and do no I/O.
Called by whoever is told a host; ssh.py makes command lines of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hob.address import MAX_SOCKET_PATH_BYTES

from hob_client.errors import InvalidRequest

SCHEME = "ssh://"
_MOST_CHARACTERS = 512
_HIGHEST_PORT = 65535
# None begins with a dash, which would be an option, and none holds what a shell or ssh's % would expand.
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]"
_URL = re.compile(
    rf"ssh://(?:(?P<user>{_USER})@)?(?P<name>{_NAME})(?::(?P<port>[0-9]{{1,5}}))?(?P<path>/.*)?"
)
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./+@,=~-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """`name`: as ssh knows it, perhaps an alias of its configuration. `socket`: "" if unsaid."""

    name: str
    user: str = ""
    port: int | None = None
    socket: str = ""

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        name = f"[{self.name}]" if ":" in self.name else self.name
        port = f":{self.port}" if self.port is not None else ""
        return f"{SCHEME}{user}{name}{port}{self.socket}"


def parse(url: str) -> Host:
    """Raises InvalidRequest, which never repeats what may be a password."""
    if "@" in url and ":" in url.removeprefix(SCHEME).rpartition("@")[0]:
        raise InvalidRequest("the host names a password, which hob never takes; let ssh ask, or use a key")
    found = _URL.fullmatch(url) if len(url) <= _MOST_CHARACTERS else None
    if found is None:
        raise InvalidRequest(
            f"the host {url[:80]!r} must look like ssh://box, ssh://user@box:22 or ssh://box/path/to/hob.sock"
        )
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise InvalidRequest(f"the port {port} of the host must be from 1 to {_HIGHEST_PORT}")
    path = found["path"] or ""
    return Host(
        name=found["name"].strip("[]"),
        user=found["user"] or "",
        port=port,
        socket="" if path == "/" else check_socket(path) if path else "",
    )


def check_socket(path: str) -> str:
    """A path on the other machine that a forwarding can name. The other machine may have said it: hostile."""
    if not _PLAIN_PATH.fullmatch(path):
        raise InvalidRequest(
            f"the socket {path[:80]!r} there must be an absolute path of plain characters; name another"
        )
    if len(path) > MAX_SOCKET_PATH_BYTES:
        raise InvalidRequest(f"the socket there has a path of more than {MAX_SOCKET_PATH_BYTES} bytes")
    return path
