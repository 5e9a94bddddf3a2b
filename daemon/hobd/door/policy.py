"""Whether a caller may come in.

Must stay pure: numbers in, a refusal or nothing out.
Called by the host once for every connection, before its first request.
"""

from __future__ import annotations

from hobd.errors import NotPermitted


def admit(caller_uid: int, owner_uid: int) -> None:
    """Only the owner; NotPermitted for all others.

    The file system refuses them first; this holds where a mode was loosened by hand, or a socket passed on.
    Root is refused too: it can become the owner whenever it means to, and what it then asks is the owner's
    doing; what reaches this door as root does so by mistake.
    """
    if caller_uid != owner_uid:
        raise NotPermitted(
            f"this door belongs to uid {owner_uid} and admits no other, also not uid {caller_uid}; "
            "run a hobd of your own"
        )
