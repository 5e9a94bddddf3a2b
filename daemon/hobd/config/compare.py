"""What changed between two configurations, and what of it takes effect without a restart.

Must not apply anything.
Called by main.py on SIGHUP.
"""

from __future__ import annotations

from hobd.config.keys import all_keys
from hobd.config.schema import Config

#: Keys that a running daemon takes over. The others have shaped what it already built.
RELOADABLE: frozenset[str] = frozenset(
    {
        "daemon.drain_timeout_seconds",
        "daemon.log_level",
        "limits.max_prompt_bytes",
        "limits.max_tokens_default",
        "models.default",
        "models.dir",
        "models.idle_ttl_seconds",
        "models.max_resident",
        "models.room_wait_seconds",
        "network.offline",
        "network.update_check",
    }
)


def changed_keys(old: Config, new: Config) -> list[str]:
    """The dotted names whose values differ, in the order of the schema."""
    return [
        dotted
        for dotted, key in all_keys().items()
        if getattr(getattr(old, key.section), key.name) != getattr(getattr(new, key.section), key.name)
    ]
