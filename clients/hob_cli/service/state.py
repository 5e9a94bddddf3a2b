"""How the service is, whoever manages it.

Must stay a value. Made by systemd.py and launchd.py, shown by commands/service.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """None: the manager does not tell."""

    manager: str
    unit: str
    is_installed: bool
    is_enabled: bool
    is_running: bool
    state: str
    is_on_demand: bool = False
    result: str = ""
    pid: int | None = None
    num_restarts: int = 0
    memory_bytes: int | None = None
    is_lingering: bool | None = None
