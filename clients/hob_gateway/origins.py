"""Which names a request may call the gateway by, and which pages may ask it.

Must be pure, and refuse what it cannot read: a browser that was led here by DNS says another name.
Called by guard.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from hob_client.errors import InvalidRequest

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """`hosts`: as the Host header must say. `origins`: pages of ours. `named`: pages that the owner named."""

    hosts: frozenset[str]
    origins: frozenset[str]
    named: frozenset[str] = frozenset()

    def allows_host(self, host: str | None) -> bool:
        return host is not None and host.lower() in self.hosts

    def allows_origin(self, origin: str | None) -> bool:
        """No Origin: no page asks. `null` is what sandboxed and local pages say, and never allowed."""
        return origin is None or origin in self.origins or origin in self.named


def names_of(hosts: Iterable[str], port: int | None, *, scheme: str, named: Iterable[str] = ()) -> Names:
    """All the ways to write the hosts with that port; without one for a Unix socket: no page reaches that."""
    written = {host.lower() for host in hosts}
    if port is not None:
        default = 443 if scheme == "https" else 80
        bare = written if port == default else set()
        written = {f"{host}:{port}" for host in written} | bare
    return Names(
        hosts=frozenset(written),
        origins=frozenset(f"{scheme}://{host}" for host in written) if port is not None else frozenset(),
        named=frozenset(map(check_origin, named)),
    )


def check_origin(origin: str) -> str:
    """As a browser writes it: scheme, host and port, nothing behind. InvalidRequest for anything else."""
    parts = urlsplit(origin)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise InvalidRequest(f"the origin {origin!r} must look like https://example.test:8443, with no path")
    return origin
