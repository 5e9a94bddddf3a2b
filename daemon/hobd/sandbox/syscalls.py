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

#: name: (x86_64, aarch64), from asm/unistd_64.h and asm-generic/unistd.h. None: the machine has no such call.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "add_key": (248, 217),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chmod": (90, None),
    "chown": (92, None),
    "chroot": (161, 51),
    "clone": (56, 220),
    "clone3": (435, 435),
    "connect": (42, 203),
    "creat": (85, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "fsopen": (430, 430),
    "futimesat": (261, None),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "kill": (62, 129),
    "lchown": (94, None),
    "link": (86, None),
    "linkat": (265, 37),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "mmap": (9, 222),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mprotect": (10, 226),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open": (2, None),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "openat": (257, 56),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "pkey_mprotect": (329, 288),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "removexattr": (197, 14),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "request_key": (249, 218),
    "rmdir": (84, None),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "seccomp": (317, 277),
    "semget": (64, 190),
    "setns": (308, 268),
    "setxattr": (188, 5),
    "shmat": (30, 196),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "tgkill": (234, 131),
    "tkill": (200, 130),
    "truncate": (76, 45),
    "umount2": (166, 39),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
}


def number(name: str, machine: str) -> int:
    """KeyError where the machine has no such call."""
    found = number_if_any(name, machine)
    if found is None:
        raise KeyError(name)
    return found


def number_if_any(name: str, machine: str) -> int | None:
    """None where the machine never had the call, because it has a newer one for the same."""
    return _NUMBERS[name][0 if machine == "x86_64" else 1]


def name_of(call: int, machine: str) -> str:
    """The name of a call by its number; `call 999` for one that the filters do not name."""
    column = 0 if machine == "x86_64" else 1
    return next((name for name, numbers in _NUMBERS.items() if numbers[column] == call), f"call {call}")


def this_machine() -> str:
    """Its name in these tables; SandboxError where the filters do not know the system."""
    machine = os.uname().machine
    if sys.platform != "linux" or machine not in ARCHITECTURES:
        raise SandboxError(f"hob cannot confine itself on {sys.platform} {machine} yet; {TO_RUN_WITHOUT}")
    return machine
