"""What the machine under the daemon does with memory and crashes, as far as it concerns what was said.

Must only read, and must judge by what is configured now, not by what may be. Called by attesting.py, on a
thread.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hobd.broker.observing import swapped_kb
from hobd.sandbox.selftest import Finding

ROOT = Path("/")


def observe_machine(root: Path = ROOT) -> list[Finding]:
    if sys.platform != "linux":
        told = f"not shown: hob does not know where {sys.platform} says it yet"
        return [Finding(name, False, told) for name in ("no_plain_swap", "no_core_handler")]
    return [_swap(root), _cores(root)]


def _swap(root: Path) -> Finding:
    """No swap at all, none for this cgroup, or only swap that stays in memory or is encrypted."""
    try:
        lines = (root / "proc/swaps").read_text().splitlines()[1:]
    except OSError:
        return Finding("no_plain_swap", False, "/proc/swaps cannot be read")
    limit = _cgroup_limit(root)
    used = swapped_kb(root / "proc/self")
    plain = [name for name in (line.split()[0] for line in lines) if not _is_safe(root, name)]
    if not lines:
        told = "the system has no swap"
    elif limit == "0":
        told = "memory.swap.max of its cgroup is 0"
    elif not plain:
        told = f"all swap is encrypted or in memory: {', '.join(line.split()[0] for line in lines)}"
    else:
        told = f"swap is not encrypted, as far as can be seen: {', '.join(plain)}"
    held = not used and (not plain or limit == "0")
    return Finding("no_plain_swap", held, f"{told}; {used} kB of the daemon are swapped out")


def _is_safe(root: Path, device: str) -> bool:
    """Compressed memory, or a device that the device mapper calls encrypted."""
    name = os.path.basename(os.path.realpath(device))
    if name.startswith("zram"):
        return True
    try:
        return (root / "sys/block" / name / "dm/uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False


def _cgroup_limit(root: Path) -> str:
    """memory.swap.max of the cgroup that this process is in; "" where there is none."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        path = next(line[3:] for line in lines if line.startswith("0::"))
        return (root / "sys/fs/cgroup" / path.lstrip("/") / "memory.swap.max").read_text().strip()
    except (OSError, StopIteration):
        return ""


def _cores(root: Path) -> Finding:
    """A handler behind a pipe ignores the limit; then it is being not dumpable that holds."""
    try:
        pattern = (root / "proc/sys/kernel/core_pattern").read_text().strip()
        suid = (root / "proc/sys/fs/suid_dumpable").read_text().strip()
    except OSError:
        return Finding("no_core_handler", False, "the pattern of core files cannot be read")
    told = f"core_pattern is {pattern[:80]!r}, suid_dumpable is {suid}"
    return Finding("no_core_handler", suid == "0" or not pattern.startswith("|"), told)
