"""Raises the walls around the daemon and around a worker, by what this system has for it.

Must fail closed: a system without a file of its own here confines nobody, and says so. Must import fast and
without third parties' code: it runs before anything that could dial out. Called by the first function of each
program, before its other imports.

Each system is one file with the same functions: linux.py, macos.py, windows.py. A worker `enter`s before it
has read anything, and `enclose`s itself before it reads what may be hostile.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from hobd.sandbox.confinement import UNCONFINED as UNCONFINED
from hobd.sandbox.confinement import Confinement as Confinement
from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}


def be_private() -> None:
    """No core file or crash report has what this process knows. Walls or none; SandboxError."""
    _walls().be_private()


def enter_daemon() -> Confinement:
    """No network, for this process and all it starts; SandboxError if any wall does not stand.

    It can still connect to Unix sockets, to see whether another daemon answers at its door.
    """
    confinement: Confinement = _walls().enter_daemon()
    return confinement


def forbid_connect(confinement: Confinement) -> Confinement:
    """From now on this process can only be called; for when its doors are open; or SandboxError."""
    narrower: Confinement = _walls().forbid_connect(confinement)
    return narrower


def enter_worker(*, has_file_wall: bool = True, is_partial: bool = False) -> Confinement:
    """Only what it was born with: no socket, program or namespace, no file but code, or SandboxError.

    Call it while the process has one thread. `is_partial`: where the system has less than that, what it has.
    """
    confinement: Confinement = _walls().enter_worker(has_file_wall=has_file_wall, is_partial=is_partial)
    return confinement


def enclose(confinement: Confinement, *, closes_files: bool) -> tuple[Confinement, int | None]:
    """For a process that reads hostile bytes from now on: no file is opened and no memory becomes code.

    Returns what tells of each refused call, for the broker; None where no system call does. SandboxError.
    """
    enclosed: tuple[Confinement, int | None] = _walls().enclose(confinement, closes_files=closes_files)
    return enclosed


def is_heard() -> bool:
    """Whether the broker learns here what a worker is refused. A question, so it never fails."""
    return sys.platform == "linux"


def _walls() -> Any:
    name = _SYSTEMS.get(sys.platform)
    if name is None:
        raise SandboxError(f"hob cannot confine itself on {sys.platform}; {TO_RUN_WITHOUT}")
    return importlib.import_module(f"hobd.sandbox.{name}")
