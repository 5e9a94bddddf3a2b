"""Core files of a process that was told to be private, with every other control against them undone.

Must write cores to the test's own folder alone, and show first that a core would have held the words.
Run by pytest.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CANARY = b"violet-otter-81733"
#: Holds the words in memory of every kind, undoes what else keeps cores away, and crashes.
CRASH = """
import ctypes, mmap, os, resource, sys
from hobd.sandbox import hygiene
word = bytes(byte ^ 1 for byte in bytes.fromhex(sys.argv[1]))
kept = [bytearray(word * 64)]
if sys.argv[2] == "private":
    setrlimit, resource.setrlimit = resource.setrlimit, lambda *limit: None  # not all may raise it again
    hygiene.be_private()
    resource.setrlimit = setrlimit
for flags in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
    kept.append(mmap.mmap(-1, 1 << 16, flags=flags | mmap.MAP_ANONYMOUS))
    kept[-1][:len(word)] = word
for size in range(1, 4096):  # a core has the registers of threads too: the copying above went through them
    bytearray(bytes(size))[:]
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
os.abort()
"""


def writes_cores_here() -> bool:
    """Only then can a test look into one: the pattern is the machine's, not ours to change."""
    pattern = Path("/proc/sys/kernel/core_pattern")
    return pattern.exists() and not pattern.read_text().startswith(("/", "|")) and os.getuid() == 0


pytestmark = pytest.mark.skipif(
    not writes_cores_here(), reason="needs root, and a kernel that writes cores into the working folder"
)


def core_of(folder: Path, kind: str) -> bytes:
    """What the crash left behind; empty if there is no file."""
    hidden = bytes(byte ^ 1 for byte in CANARY).hex()
    command = [sys.executable, "-I", "-c", CRASH, hidden, kind]
    done = subprocess.run(command, cwd=folder, timeout=60, capture_output=True)
    assert done.returncode == -signal.SIGABRT, done.stderr.decode()
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_core_of_a_process_that_is_not_private_would_tell_what_was_said(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert CANARY in core_of(tmp_path, "plain")


def test_core_of_a_private_process_has_none_of_its_memory(tmp_path: Path) -> None:
    assert CANARY not in core_of(tmp_path, "private")


def test_programs_that_a_private_process_starts_are_born_so() -> None:
    inner = "print(open('/proc/self/coredump_filter').read())"
    script = "from hobd.sandbox import hygiene; import subprocess, sys; hygiene.be_private()\n"
    script += f"subprocess.run([sys.executable, '-I', '-c', {inner!r}], check=True)"
    told = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert int(told.stdout, 16) == 0
