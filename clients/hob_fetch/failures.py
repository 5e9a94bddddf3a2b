"""How a fetch fails: for good, or for now.

Must say in one sentence what to do, and hold no token and no query of a URL. Raised by all of hob_fetch.
"""

from __future__ import annotations

from hob_client.errors import HobError, InvalidRequest, ModelNotFound, ModelUnusable, NotPermitted


class Passing(HobError):
    """May go by itself: a cut line, a busy host. `wait_seconds` is what the host asked for."""

    code = "busy"

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


__all__ = ["HobError", "InvalidRequest", "ModelNotFound", "ModelUnusable", "NotPermitted", "Passing"]
