"""Which socket a client dials, checked before anything dials it.

Must never let a string through that is not an absolute path: gRPC hands all other targets to a DNS resolver.
Called by launch.py, channel.py and the CLI.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hob import portable
from hob.address import MAX_SOCKET_PATH_BYTES, runtime_dir, socket_path

from hob_client.errors import InvalidRequest, NotPermitted

if sys.platform == "win32":
    from hob_client.windows_pipe import check_name

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.~")


def resolve(socket: Path | str | None) -> str:
    """The absolute path of the door: the one named, else `$HOB_SOCKET`, else the user's own."""
    path = os.fspath(socket if socket is not None else socket_path())
    if sys.platform == "win32":
        return check_name(path)
    if not path.startswith("/") or "\0" in path:
        raise InvalidRequest(f"the socket {path!r} is not an absolute path; name one that begins with /")
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise InvalidRequest(
            f"the socket path {path!r} is longer than the {MAX_SOCKET_PATH_BYTES} bytes the system allows; "
            "name a shorter one"
        )
    if socket is None and "HOB_SOCKET" not in os.environ:
        check_owner(path)
    return path


def target(path: str) -> str:
    """The gRPC target of a resolved path. Escaped, because a target that is no valid URI also goes to DNS."""
    encoded = "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path))
    return f"unix:{encoded}"


def link_at(path: str) -> str | None:
    """The name of the link to another machine whose socket this is; see remote/links.py."""
    folder = Path(os.path.abspath(path)).parent
    return folder.name if folder.parent == runtime_dir() / "links" else None


def check_owner(path: str) -> None:
    """The default place may be below /tmp, where somebody else could wait for our prompts first."""
    try:
        owner = os.lstat(os.path.dirname(path)).st_uid
    except OSError:
        return
    if owner not in (portable.own_uid(), 0):
        raise NotPermitted(
            f"{os.path.dirname(path)} belongs to user {owner}, not to you; name another place with HOB_SOCKET"
        )
