"""The numbers of the system calls that the filters name, on the two machines hob supports.

Must stay a table: no policy. A missing name is a KeyError while a filter is built, never a call let through.
Used by seccomp.py and proof.py.
"""

from __future__ import annotations

import os
import sys

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError

#: What the kernel calls the machine's own calling convention (AUDIT_ARCH_*).
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

#: name: (x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h.
_NUMBERS = {
    "add_key": (248, 217),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "connect": (42, 203),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fsopen": (430, 430),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "listen": (50, 201),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "request_key": (249, 218),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


def number(name: str, machine: str) -> int:
    return _NUMBERS[name][0 if machine == "x86_64" else 1]


def this_machine() -> str:
    """Its name in these tables; SandboxError where the filters do not know the system."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in ARCHITECTURES:
        raise SandboxError(f"hob cannot confine itself on {sys.platform} {machine} yet; {TO_RUN_WITHOUT}")
    return machine
