"""How prefixes go from one worker to the next of its model: what is said of them. Their bytes go by the tray.

Must stay data. The tray is memory that broker and worker share, handed over with Load; a place in it is an
offset and a size. Used by broker/vault.py and worker/keeping.py, through messages.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hobd.wire.values import Count, Id, Line, Message

#: What the descriptors that come with Load are, each said once and in their order.
Purpose = Literal["model", "draft", "projector", "adapter", "tray"]
#: Prefixes that a worker hands over, or gets.
MOST_STATES = 256


class Restore(Message, frozen=True, tag=True):
    """A prefix that an earlier worker of the model computed lies in the tray."""

    offset: Count
    num_bytes: Count
    domain: Line


class Kept(Message, frozen=True, tag=True):
    """After a Stop: a prefix that may be wanted again lies in the tray."""

    offset: Count
    num_bytes: Annotated[int, msgspec.Meta(ge=1, lt=1 << 40)]
    num_tokens: Annotated[int, msgspec.Meta(ge=1, lt=1 << 31)]
    domain: Line


class ForgetPrefixes(Message, frozen=True, tag=True):
    """Drop what is kept of a domain, or of all domains of a caller. Answers under way leave nothing."""

    id: Id
    caller: Line
    domain: Line | None = None


class SetStash(Message, frozen=True, tag=True):
    """While it is closed nothing is kept beside the KV cache, and what was there goes."""

    is_open: bool


class Forgotten(Message, frozen=True, tag=True):
    id: Id
    num_prefixes: Count
    num_bytes: Count


def is_domain_of(domain: str, caller: str, named: str | None = None) -> bool:
    """Whether it is a domain of the caller's, and the one named if one is; in whatever variant."""
    plain = domain.split("\0", 2)[2] if domain.startswith("\0") else domain
    return plain.startswith(f"{caller}:") if named is None else plain == f"{caller}:{named}"
