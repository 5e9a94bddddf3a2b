"""What can be seen of a process from outside, whatever it says itself: through /proc, and nothing else.

Must believe nothing but the kernel, and must take a process that ends meanwhile for one with nothing to see.
Called by attesting.py on a thread.

The kernel shows status, limits and threads of a process to everybody, its descriptors to nobody where it is
not dumpable, and all to an administrator.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from hob import portable

from hobd.sandbox.selftest import Finding

PROC = Path("/proc")
_FILTERS = "2"  # Seccomp: of /proc/PID/status
_MAY_TRACE = 1 << 19  # CAP_SYS_PTRACE
_SOCKET = re.compile(r"socket:\[(\d+)\]")
#: Tables of network sockets; in each the inode's column.
_TABLES = {"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "raw": 9, "raw6": 9, "packet": 8, "netlink": 9}


def observe(pid: int, proc: Path = PROC) -> list[Finding]:
    """Nothing if the process has ended."""
    home = proc / str(pid)
    try:
        threads = [_fields(task / "status") for task in sorted((home / "task").iterdir())]
        limits = (home / "limits").read_text()
    except OSError:
        return []
    if not threads:
        return []
    held = [_filtered(threads), _bound(threads), _rightless(threads), _coreless(limits)]
    return [*held, _undumped(home), _unswapped(home), *_open(home, proc)]


def network_inodes(home: Path) -> dict[int, str]:
    """Every network socket of a process's network, whoever's it is: its inode, and the table it stands in."""
    found: dict[int, str] = {}
    for table, column in _TABLES.items():
        try:
            lines = (home / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue  # a kernel without that protocol
        for line in lines:
            cells = line.split()
            if len(cells) > column and cells[column].isdecimal():
                found[int(cells[column])] = table
    return found


def socket_inodes(home: Path) -> set[int]:
    """Sockets that a process has open. Raises PermissionError where the kernel hides them."""
    found = set()
    for name in os.listdir(home / "fd"):
        try:
            target = _SOCKET.fullmatch(os.readlink(home / "fd" / name))
        except FileNotFoundError:
            continue  # closed meanwhile
        if target:
            found.add(int(target[1]))
    return found


def running_modules(name: str, proc: Path = PROC) -> Iterator[int]:
    """Processes of this user that Python runs with `-m name`, as their command lines say."""
    for pid, words in _command_lines(proc):
        if any(pair == (b"-m", name.encode()) for pair in pairwise(words)):
            yield pid


def running_named(name: str, proc: Path = PROC) -> Iterator[int]:
    """Shells of this user that run a script by that name (`sh -c SCRIPT NAME`), less their forks."""
    for pid, words in _command_lines(proc):
        if words[1:2] == [b"-c"] and words[3:4] == [name.encode()] and not _is_fork(pid, name, proc):
            yield pid


def _is_fork(pid: int, name: str, proc: Path) -> bool:
    """Whether its parent has that name too: a shell's subshell looks like the shell."""
    try:
        parent = _fields(proc / str(pid) / "status").get("PPid", "").strip()
        return name.encode() in (proc / parent / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _command_lines(proc: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Of each process of this user."""
    for home in proc.iterdir():
        if not home.name.isdecimal():
            continue
        try:
            words = (home / "cmdline").read_bytes().split(b"\0")
            is_ours = home.stat().st_uid == portable.own_uid()
        except OSError:
            continue  # it has just ended
        if is_ours:
            yield int(home.name), words


def swapped_kb(home: Path) -> int:
    """How much of a process the system has written to swap."""
    try:
        return int(_fields(home / "status").get("VmSwap", "0 kB").split()[0])
    except (OSError, ValueError):
        return 0


# ------------------------------------------------------------------ private steps


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _filtered(threads: list[dict[str, str]]) -> Finding:
    bare = sum(thread.get("Seccomp") != _FILTERS for thread in threads)
    least = min(int(thread.get("Seccomp_filters", "0")) for thread in threads)
    told = (
        f"{bare} of {len(threads)} threads have no seccomp filter"
        if bare
        else (f"{len(threads)} threads, each under {least} seccomp filters or more")
    )
    return Finding("filtered", not bare, told)


def _bound(threads: list[dict[str, str]]) -> Finding:
    free = sum(thread.get("NoNewPrivs") != "1" for thread in threads)
    return Finding("no_new_privileges", not free, f"{free} of {len(threads)} threads may gain privileges")


def _rightless(threads: list[dict[str, str]]) -> Finding:
    rights = 0
    for thread in threads:
        rights |= int(thread.get("CapEff", "0"), 16)
    return Finding("no_capabilities", not rights, f"effective capabilities: {rights:#x}")


def _coreless(limits: str) -> Finding:
    line = next((line for line in limits.splitlines() if line.startswith("Max core file size")), "")
    found = line.split()[4:6]
    return Finding(
        "no_core_files", found == ["0", "0"], f"limits of core files: {', '.join(found) or 'unknown'}"
    )


def _undumped(home: Path) -> Finding:
    """Which kinds of its memory a core file would have, by the kernel's word."""
    try:
        kinds = int((home / "coredump_filter").read_text(), 16)
    except (OSError, ValueError):
        return Finding("no_memory_in_cores", False, "coredump_filter cannot be read")
    return Finding("no_memory_in_cores", not kinds, f"coredump_filter is {kinds:#x}")


def _unswapped(home: Path) -> Finding:
    num_kb = swapped_kb(home)
    return Finding("not_swapped", not num_kb, f"{num_kb} kB of it are swapped out")


def _open(home: Path, proc: Path) -> Iterator[Finding]:
    try:
        sockets = socket_inodes(home)
    except PermissionError:
        yield Finding("hidden", True, "the kernel shows its descriptors and memory to no other program")
        return
    except OSError:
        return
    is_own = os.path.samefile(home, proc / "self")  # everybody sees his own
    if not is_own and not int(_fields(proc / "self" / "status").get("CapEff", "0"), 16) & _MAY_TRACE:
        yield Finding("hidden", False, "other programs of this user can list its descriptors")
    tables = network_inodes(home)
    ours = sorted(tables[inode] for inode in sockets if inode in tables)
    told = f"network sockets: {', '.join(ours)}" if ours else f"{len(sockets)} sockets, all of them Unix ones"
    yield Finding("no_network_open", not ours, told)
