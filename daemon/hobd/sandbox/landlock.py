"""The file wall of a worker: what it can open of the file system at all, fail closed.

Must be raised while the process has one thread. Used by linux.py; library paths come from libraries.py. What
Landlock does not cover, seccomp.py has.
"""

from __future__ import annotations

from collections.abc import Iterable

from hob import landlock
from hob.landlock import READ, Rule

from hobd.sandbox.failure import TO_RUN_WITHOUT, SandboxError

__all__ = ["DEVICE", "READ", "Rule", "restrict"]

#: To talk to a device.
DEVICE = landlock.READ_FILE | landlock.WRITE_FILE | landlock.IOCTL_DEVICE


def restrict(rules: Iterable[Rule]) -> str:
    """From now on this thread opens what the rules grant, and nothing else; how far that goes, in words.

    Paths that there are not are passed over. Raises SandboxError.
    """
    try:
        return f"file wall (Landlock {landlock.restrict(rules)})"
    except NotImplementedError:
        raise SandboxError(
            "this kernel has no Landlock, so a worker could open your files while it reads a model; "
            f'set security.sandbox = "no-file-wall" to accept that, or {TO_RUN_WITHOUT}'
        ) from None
    except OSError as error:
        place = f" for {error.filename}" if error.filename else ""
        raise SandboxError(
            f"the kernel did not raise the file wall{place} ({error.strerror}); {TO_RUN_WITHOUT}"
        ) from None
