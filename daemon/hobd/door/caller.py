"""Who is asking, as one value that travels with every request.

Must hold only what the kernel or the door said; nothing that a client can type.
Made by the host for each connection; read by api, broker and log.
"""

from __future__ import annotations

from dataclasses import dataclass

from hobd.config.doors import OWNER
from hobd.door.peer import Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    uid: int
    pid: int  # for show: 0 if unknown
    executable: str  # for show: empty if unknown
    door: str  # the name of the door it came through

    @property
    def key(self) -> str:
        """Whose cached prefixes, fair share and quota its requests use: a user's at a door.

        No key and colon begin another key's domain: a door's name has no colon, nor has a uid.
        """
        return OWNER if self.door == OWNER else f"{self.door}:{self.uid}"


def caller_from(peer: Peer, *, door: str) -> Caller:
    return Caller(uid=peer.uid, pid=peer.pid, executable=peer.executable(), door=door)
